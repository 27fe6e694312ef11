import { binding } from './binding.ts'
import { errnoName, SyscallError } from './error.ts'
import { layerForms, type LayerForm } from './layer-form.ts'
import type { NativeHandle, WideTable } from './native.ts'
import { encodeLimits, refusalError, type TarReaderLimits } from './tarreader.ts'

/**
 * What was not made as the tar says.
 *
 * - `XATTR_DROPPED`: an extended attribute that unions or xfs write down for themselves, a label of SELinux, or an access control list in
 *   the form of text (`SCHILY.acl.*`) was left out.
 * - `XATTR_REFUSED`: the filesystem, or the system, refuses an extended attribute.
 * - `DEVICE_REFUSED`: a device that this process may not make, as in a user namespace, was left out.
 * - `ROOT_OPAQUE`: unions go on showing what lower layers have in the root.
 * - `MORE`: there was more of this than is listed.
 */
export type UnpackWarningCode = 'XATTR_DROPPED' | 'XATTR_REFUSED' | 'DEVICE_REFUSED' | 'ROOT_OPAQUE' | 'MORE'

export interface UnpackWarning {
  readonly code: UnpackWarningCode
  /** From the layer's root, without a slash before it. */
  readonly path: Buffer
  /** Name of the extended attribute; how many more. */
  readonly about: string
  /** Name of the errno, where a call refused it. */
  readonly errno: string | undefined
}

/** The addon's numbers (native/unpacknotes.h), from 1. */
const notices: readonly UnpackWarningCode[] = [
  'XATTR_DROPPED',
  'XATTR_REFUSED',
  'DEVICE_REFUSED',
  'ROOT_OPAQUE',
]

export interface UnpackStart {
  /** A descriptor of the directory; duplicated. */
  directory: number
  /** What to call it in errors. */
  path: string
  form: LayerForm
  /** Directories of the layers below, nearest first: what no entry is about looks as it does there. */
  lowers?: readonly string[] | undefined
  limits: TarReaderLimits
  /** Make the digest of the tar; only where {@link canHash} says so. */
  hash: boolean
}

export interface UnpackEnd {
  /** Bytes of all bodies. */
  readonly size: number
  readonly entries: number
  /** SHA-256 of all that it was given, where that was asked for. */
  readonly digest: Buffer | undefined
  readonly warnings: readonly UnpackWarning[]
}

/** Whether a job can make digests: not where Node.js was built without OpenSSL. */
export function canHash(): boolean {
  return binding().sha256
}

/** Places in what `unpackEnd` answers (UnpackJob::TakeResult); texts are [begin, end). */
const Field = {
  errno: 0,
  fault: 1,
  entry: 2,
  offset: 3,
  name: 4,
  call: 6,
  path: 8,
  digest: 10,
  size: 12,
  entries: 13,
  leftOut: 14,
  warningTexts: 15,
  head: 16,
} as const
const warningRow = 6

/** A tar that is being unpacked natively, on threads of the addon's own. */
export class UnpackJob {
  readonly #handle: NativeHandle<'unpack'>
  readonly #start: UnpackStart

  /** @throws SyscallError EBADF, EMFILE, ENOMEM, EAGAIN */
  static async start(start: UnpackStart): Promise<UnpackJob> {
    // Two milliseconds to load, which only those pay who unpack.
    const { randomBytes } = await import('node:crypto')
    return new UnpackJob(start, randomBytes(8).readBigUInt64LE())
  }

  private constructor(start: UnpackStart, seed: bigint) {
    const limits = encodeLimits(start.limits)
    const handle = binding().unpackStartSync(
      start.directory,
      layerForms[start.form],
      limits,
      seed,
      start.hash,
      Buffer.from((start.lowers ?? []).map((path) => `${path}\0`).join('')),
    )
    if (typeof handle === 'number') throw new SyscallError(handle, 'openat', { path: start.path })
    this.#handle = handle
    this.#start = start
  }

  /**
   * Hands over bytes, which are copied.
   *
   * @returns how many bytes wait now; undefined when it takes no more since it has ended: `end` says why.
   * @throws SyscallError ENOMEM
   */
  put(bytes: Uint8Array): number | undefined {
    const waiting = binding().unpackPutSync(this.#handle, bytes)
    if (waiting >= 0) return waiting
    if (errnoName(waiting) === 'ECANCELED') return undefined
    throw new SyscallError(waiting, 'malloc')
  }

  /**
   * Reads the rest of the tar from a file, from where it stands, after what was put. Nothing more is put.
   *
   * @param file a descriptor of a regular file; duplicated. Of another one, reading may last, and cannot be cancelled.
   * @throws SyscallError EBADF, EMFILE
   */
  readFrom(file: number): void {
    const answer = binding().unpackReadFromSync(this.#handle, file)
    if (answer < 0) throw new SyscallError(answer, 'fcntl')
  }

  /** Waits until few bytes wait, or it has ended. */
  async room(): Promise<void> {
    await binding().unpackRoom(this.#handle)
  }

  /** How far it is. */
  progress(): { bytes: number; entries: number } {
    const row = binding().unpackProgressSync(this.#handle)
    if (typeof row === 'number') throw new SyscallError(row, 'malloc')
    return { bytes: Number(row[0]), entries: Number(row[1]) }
  }

  /** Ends what is under way soon. */
  cancel(): void {
    binding().unpackCancelSync(this.#handle)
  }

  /**
   * Waits until all is unpacked, or nothing more will be. Once.
   *
   * @throws GraphDriverError ERR_ARCHIVE_*; SyscallError of the call that failed, with the path; ECANCELED after `cancel`.
   */
  async end(): Promise<UnpackEnd> {
    const answer = await binding().unpackEnd(this.#handle)
    if (typeof answer === 'number') throw new SyscallError(answer, 'malloc')
    const at = (place: number): number => Number(answer.rows[place] ?? 0n)
    this.#check(answer, at)
    const digest = Buffer.from(answer.text.subarray(at(Field.digest), at(Field.digest + 1)))
    return {
      size: at(Field.size),
      entries: at(Field.entries),
      digest: digest.length > 0 ? digest : undefined,
      warnings: warningsOf(answer, at),
    }
  }

  #check({ text }: WideTable, at: (place: number) => number): void {
    const bytes = (place: number): Uint8Array => text.subarray(at(place), at(place + 1))
    const { path: root, limits } = this.#start
    if (at(Field.fault) !== 0) {
      const place = { entry: at(Field.entry), offset: at(Field.offset), name: bytes(Field.name) }
      throw refusalError({ fault: at(Field.fault), ...place }, limits)
    }
    if (at(Field.errno) === 0) return
    const call = Buffer.from(bytes(Field.call)).toString()
    // Of the archive, whose path nobody here knows.
    if (call === 'read') throw new SyscallError(at(Field.errno), call)
    const below = bytes(Field.path)
    const path = below.length === 0 ? root : Buffer.concat([Buffer.from(`${root}/`), below])
    throw new SyscallError(at(Field.errno), call, { path })
  }
}

function warningsOf({ rows, text }: WideTable, at: (place: number) => number): UnpackWarning[] {
  const begin = at(Field.warningTexts)
  const bytes = (place: number): Buffer => {
    return Buffer.from(text.subarray(begin + at(place), begin + at(place + 1)))
  }
  const warnings: UnpackWarning[] = []
  for (let row = Field.head; row < rows.length; row += warningRow) {
    const code = notices[at(row) - 1]
    if (code === undefined) continue
    const errno = at(row + 1) === 0 ? undefined : errnoName(at(row + 1))
    warnings.push({ code, path: bytes(row + 2), about: bytes(row + 4).toString(), errno })
  }
  const more = at(Field.leftOut)
  if (more > 0) warnings.push({ code: 'MORE', path: Buffer.alloc(0), about: String(more), errno: undefined })
  return warnings
}
