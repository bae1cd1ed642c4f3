import { BaseSequencer, type TestSpecification } from "vitest/node";

/** In this order. */
const LONGEST = [
  /test\/paths\/executed\./,
  /test\/paths\/crash\./,
  /crash\.test/,
  /test\/long\/(postgres-)?paths-?/,
  /crash-points/,
];

/** With no record of earlier runs, as in a fresh clone, the longest files would come last and be waited for alone. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((pattern) => pattern.test(moduleId));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
