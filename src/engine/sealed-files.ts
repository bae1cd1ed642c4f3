import { SlowwaveError } from "../domain/failure.ts";
import type { Files, Folder } from "../files/folder.ts";

/** The files of one run, until they are sealed. */
export interface SealedFiles extends Files {
  /**
   * From here on nothing new is opened. Resolves when every folder that is open has been closed: a step that was
   * stopped in the middle of its work has then left the workspace for good, and it can be cleared.
   */
  seal(): Promise<void>;
}

export function sealedFiles(files: Files): SealedFiles {
  const atWork = new Set<Promise<void>>();
  let isSealed = false;

  /** Counted from the call on, so that a folder opened at the moment of the seal is waited for too. */
  async function use<Result>(work: (leave: () => void) => Promise<Result>): Promise<Result> {
    if (isSealed) throw new SlowwaveError("run_ending", "The run is ending; its workspace is being cleared.");
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    atWork.add(left);
    void left.then(() => atWork.delete(left));
    try {
      return await work(leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  function brief<Result>(work: () => Promise<Result>): Promise<Result> {
    return use(async (leave) => {
      const result = await work();
      leave();
      return result;
    });
  }

  function counted(folder: Folder, leave: () => void): Folder {
    const close = async () => {
      await folder.close().finally(leave);
    };
    // Folders entered from this one are closed before it is.
    return new Proxy(folder, {
      get: (target, name) => {
        if (name === "close") return close;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  return {
    open: (path) => use(async (leave) => counted(await files.open(path), leave)),
    facts: (path) => brief(() => files.facts(path)),
    makeFolders: (path) => brief(() => files.makeFolders(path)),
    assertWritable: (path) => brief(() => files.assertWritable(path)),
    async seal() {
      isSealed = true;
      while (atWork.size > 0) await Promise.all(atWork);
    },
  };
}
