/**
 * What no namespace closes, closed for the kernel's own door: keys of the person's session (`keyctl`), families of
 * sockets that no network namespace holds (vsock, to the host of a virtual machine), rings that would go around
 * this list, and calls that agents have no business with. As a program of the kernel's packet filter, for
 * `bwrap --seccomp`; null on processors whose numbers are not known here.
 */
export function systemCallFilter(architecture: string): Uint8Array | null {
  const calls = CALLS[architecture];
  return calls === undefined ? null : assembled(programOf(calls));
}

interface Calls {
  /** As in `AUDIT_ARCH_*`. */
  readonly audit: number;
  readonly denied: readonly number[];
  readonly rings: readonly number[];
  readonly socket: number;
  readonly ioctl: number;
}

const RINGS = [425, 426, 427];

const CALLS: Readonly<Record<string, Calls>> = {
  x64: {
    audit: 0xc000003e,
    // add_key, request_key, keyctl · bpf, perf_event_open, userfaultfd · modules, kexec · handles, kernel log
    denied: [248, 249, 250, 321, 298, 323, 175, 176, 313, 246, 320, 304, 103],
    rings: RINGS,
    socket: 41,
    ioctl: 16,
  },
  arm64: {
    audit: 0xc00000b7,
    denied: [217, 218, 219, 280, 241, 282, 105, 106, 273, 104, 294, 265, 116],
    rings: RINGS,
    socket: 198,
    ioctl: 29,
  },
};

/** unix, IPv4, IPv6, netlink: each is held by a namespace or by the files that are shown. */
const FAMILIES = [1, 2, 10, 16];
/** Typing into a terminal: TIOCSTI, TIOCLINUX. */
const TYPING = [0x5412, 0x541c];
/** Numbers of the x32 calls, which would be other numbers for the same. */
const X32 = 0x40000000;

const ALLOW = 0x7fff0000;
const refuse = (errno: number) => 0x00050000 + errno;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [refuse(1), refuse(38), refuse(97)];

/** One instruction: code, jump if true, jump if false, constant. */
type Step = readonly [code: number, ifTrue: number, ifFalse: number, constant: number];

/** Offsets in `seccomp_data`; of the arguments the lower half, on little-endian processors. */
const load = (offset: number): Step => [0x20, 0, 0, offset];
const NUMBER = load(0);
const ARCHITECTURE = load(4);
const argument = (index: number) => load(16 + 8 * index);
const answer = (verdict: number): Step => [0x06, 0, 0, verdict];
/** Whether it equals the constant: the next step, or the one after that. */
const unless = (constant: number): Step => [0x15, 0, 1, constant];

function programOf({ audit, denied, rings, socket, ioctl }: Calls): readonly Step[] {
  const families = FAMILIES.flatMap((family) => [unless(family), answer(ALLOW)]);
  const typing = TYPING.flatMap((request) => [unless(request), answer(EPERM)]);
  return [
    ARCHITECTURE,
    [0x15, 1, 0, audit],
    answer(EPERM),
    NUMBER,
    [0x35, 0, 1, X32],
    answer(EPERM),
    ...denied.flatMap((number) => [unless(number), answer(EPERM)]),
    ...rings.flatMap((number) => [unless(number), answer(ENOSYS)]),
    [0x15, 0, families.length + 2, socket],
    argument(0),
    ...families,
    answer(EAFNOSUPPORT),
    [0x15, 0, typing.length + 1, ioctl],
    argument(1),
    ...typing,
    answer(ALLOW),
  ];
}

function assembled(steps: readonly Step[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(steps.length * 8));
  for (const [at, [code, ifTrue, ifFalse, constant]] of steps.entries()) {
    bytes.setUint16(at * 8, code, true);
    bytes.setUint8(at * 8 + 2, ifTrue);
    bytes.setUint8(at * 8 + 3, ifFalse);
    bytes.setUint32(at * 8 + 4, constant, true);
  }
  return new Uint8Array(bytes.buffer);
}
