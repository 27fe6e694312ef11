import { isUtf8 } from 'node:buffer'
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

import { binding } from './binding.ts'
import type { Path } from './native.ts'

/** What a {@link SyscallError} is about. */
export interface SyscallContext {
  path?: Path | null | undefined
  dest?: Path | null | undefined
  /** The kernel's own words, or what was found after the failure. */
  detail?: string | undefined
  cause?: unknown
}

/** What strerror(3) says, where libuv knows no words for an errno or has such for another purpose (sockets, locks). */
const words: Readonly<Record<string, string>> = {
  EBADE: 'invalid exchange',
  EBADMSG: 'bad message',
  EBUSY: 'device or resource busy',
  EDEADLK: 'resource deadlock avoided',
  EDQUOT: 'disk quota exceeded',
  EHWPOISON: 'memory page has hardware error',
  EIDRM: 'identifier removed',
  EISNAM: 'is a named type file',
  EKEYREJECTED: 'key was rejected by service',
  EMEDIUMTYPE: 'wrong medium type',
  EMULTIHOP: 'multihop attempted',
  ENODATA: 'no data available',
  ENOKEY: 'required key not available',
  ENOLCK: 'no locks available',
  ENOLINK: 'link has been severed',
  ENOMEDIUM: 'no medium found',
  ENOTBLK: 'block device required',
  ENOTUNIQ: 'name not unique on network',
  ENOTSUP: 'operation not supported',
  EPROTO: 'protocol error',
  EREMOTE: 'object is remote',
  EREMOTEIO: 'remote I/O error',
  ESTALE: 'stale file handle',
  ETIME: 'timer expired',
  EUCLEAN: 'structure needs cleaning',
  EUSERS: 'too many users',
}

let namesOf: { table: Readonly<Record<string, number>>; names: Map<number, string> } | undefined

/**
 * The name of an errno, as Node spells it where Node has one (so 95 is ENOTSUP), else as the kernel's headers do.
 *
 * @param errno negative or positive.
 */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  const known = getSystemErrorMap().get(-number)
  if (known !== undefined) return known[0]
  const table = binding().errnos
  if (namesOf?.table !== table) {
    // A number's first name is its usual one: EDEADLK, not EDEADLOCK.
    const names = Object.entries(table).map(([name, value]): [number, string] => [value, name])
    namesOf = { table, names: new Map(names.reverse()) }
  }
  return namesOf.names.get(number) ?? `E${String(number)}`
}

/** The negative errno of a name such as 'E2BIG'; a name that Linux does not have throws. */
export function errnoOf(name: string): number {
  const known = (constants.errno as Readonly<Record<string, number>>)[name] ?? binding().errnos[name]
  if (known === undefined) throw new RangeError(`no errno is called ${name}`)
  return -known
}

/**
 * A system call that failed, shaped like the errors of node:fs. Test `code`.
 *
 * The message reads `EBUSY: device or resource busy, umount2 '/mnt'`, then ` -> 'dest'` and `: detail` where there are any.
 */
export class SyscallError extends Error {
  /** Name of the errno: 'EBUSY'. */
  readonly code: string
  /** Negative errno: -16. */
  readonly errno: number
  /** Name of the system call: 'umount2'. */
  readonly syscall: string
  /** The path that the call was given. */
  declare readonly path?: string
  /** The path's bytes, exactly when they are no UTF-8. */
  declare readonly pathBytes?: Buffer
  /** The second path that the call was given. */
  declare readonly dest?: string
  /** The second path's bytes, exactly when they are no UTF-8. */
  declare readonly destBytes?: Buffer
  /** The kernel's own words, or what was found after the failure. */
  declare readonly detail?: string

  /**
   * For drivers that others write.
   *
   * @param errno negative errno, or its name.
   * @param syscall name of the system call.
   */
  constructor(errno: number | string, syscall: string, context: SyscallContext = {}) {
    const number = typeof errno === 'string' ? errnoOf(errno) : errno
    const code = errnoName(number)
    const path = textAndBytes(context.path)
    const dest = textAndBytes(context.dest)
    super(
      messageOf(code, number, syscall, path?.text, dest?.text, context.detail),
      context.cause === undefined ? undefined : { cause: context.cause },
    )
    this.code = code
    this.errno = number
    this.syscall = syscall
    if (path !== undefined) this.path = path.text
    if (path?.bytes !== undefined) this.pathBytes = path.bytes
    if (dest !== undefined) this.dest = dest.text
    if (dest?.bytes !== undefined) this.destBytes = dest.bytes
    if (context.detail) this.detail = context.detail
  }

  /** 'SyscallError'. */
  override get name(): string {
    return 'SyscallError'
  }

  /** The same failure with more said about it; the stack is the first error's. */
  with(context: SyscallContext): SyscallError {
    const more = new SyscallError(this.errno, this.syscall, {
      path: context.path ?? this.pathBytes ?? this.path,
      dest: context.dest ?? this.destBytes ?? this.dest,
      detail: context.detail ?? this.detail,
      cause: context.cause ?? this.cause,
    })
    const frames = this.stack?.slice(this.stack.indexOf('\n    at '))
    if (frames !== undefined) more.stack = `${more.name}: ${more.message}${frames}`
    return more
  }
}

/**
 * Gives back what a call answered, unless that is a negative errno.
 *
 * @throws SyscallError
 */
export function check<T>(answer: T | number, syscall: string, context: SyscallContext = {}): T {
  if (typeof answer === 'number' && answer < 0) throw new SyscallError(answer, syscall, context)
  return answer as T
}

/**
 * What an errno means in words; undefined where nobody has any.
 *
 * @param errno negative.
 */
export function errnoWords(code: string, errno: number): string | undefined {
  return words[code] ?? getSystemErrorMap().get(errno)?.[1]
}

function messageOf(
  code: string,
  errno: number,
  syscall: string,
  path: string | undefined,
  dest: string | undefined,
  detail: string | undefined,
): string {
  let text = code
  const meaning = errnoWords(code, errno)
  if (meaning !== undefined) text += `: ${meaning}`
  text += `, ${syscall}`
  if (path !== undefined) text += ` '${path}'`
  if (dest !== undefined) text += ` -> '${dest}'`
  if (detail) text += `: ${detail}`
  return text
}

export function textAndBytes(path: Path): { text: string; bytes?: Buffer }
export function textAndBytes(path: Path | null | undefined): { text: string; bytes?: Buffer } | undefined
export function textAndBytes(path: Path | null | undefined): { text: string; bytes?: Buffer } | undefined {
  if (path === null || path === undefined) return undefined
  if (typeof path === 'string') return { text: path }
  const bytes = Buffer.from(path)
  return isUtf8(bytes) ? { text: bytes.toString() } : { text: bytes.toString(), bytes }
}
