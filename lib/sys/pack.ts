import { binding } from './binding.ts'
import { errnoOf, SyscallError } from './error.ts'
import { layerForms, type LayerForm } from './layer-form.ts'
import type { NativeHandle, TreeFailure } from './native.ts'

/**
 * What a tar could not hold, or not as it was.
 *
 * - `SOCKET`: left out; tar has no sockets.
 * - `FILE_SHRANK`: zeros stand for the bytes that were gone when they were read.
 * - `FILE_GREW`: the bytes that came while it was read are left out.
 * - `VANISHED`: it was listed, and gone when it was looked at.
 * - `CHANGED`: it became something else each time it was looked at, and is left out.
 * - `RESERVED_NAME`: left out, since it would delete something where the tar is unpacked: a name that begins with `.wh.`,
 *   or a character device 0:0.
 * - `MOUNT_POINT`: something is mounted there. Of a directory there is an entry without contents, a file is left out.
 */
export type PackWarningCode =
  'SOCKET' | 'FILE_SHRANK' | 'FILE_GREW' | 'VANISHED' | 'CHANGED' | 'RESERVED_NAME' | 'MOUNT_POINT'

export interface PackWarning {
  readonly code: PackWarningCode
  /** As in the tar: from the layer's root, without a slash before it. */
  readonly path: Buffer
}

/** The addon's numbers (native/tarwriter.h), from 1. */
const notices: readonly PackWarningCode[] = [
  'SOCKET',
  'FILE_SHRANK',
  'FILE_GREW',
  'VANISHED',
  'CHANGED',
  'RESERVED_NAME',
  'MOUNT_POINT',
]

const wholeSecondsBit = 1

const elsewhere =
  'overlay wrote it with metacopy or redirect_dir, so the layer is not whole without those below it: ' +
  'open the store with the same overlay options'

/** What is packed, and how. */
export interface PackTreeOptions {
  /** A descriptor of the directory, open for reading; duplicated. */
  directory: number
  /** What to call it in errors. */
  path: string
  form: LayerForm
  /** A descriptor of the directory whose attributes the root has unless it gets an entry. Left out: 0755, 0:0. */
  parent?: number
  /** Cut times to whole seconds. */
  wholeSeconds?: boolean
}

/** A tar that is being made natively, on a thread of the addon's own. Use `next` or `into`, not both. */
export class PackJob {
  readonly #handle: NativeHandle<'pack'>
  readonly #root: string

  /** @param root names the tree in errors. */
  constructor(handle: NativeHandle<'pack'> | number, root: string) {
    if (typeof handle === 'number') throw new SyscallError(handle, 'open', { path: root })
    this.#handle = handle
    this.#root = root
  }

  /**
   * Makes ready to pack a directory, in the form in which a union left it: what is gone becomes whiteouts as
   * the OCI image specification has them (layer.md). Reads nothing yet.
   *
   * @throws SyscallError EBADF, EMFILE, ENOMEM
   */
  static tree(options: PackTreeOptions): PackJob {
    const { directory, parent = -1, form, wholeSeconds = false } = options
    const flags = wholeSeconds ? wholeSecondsBit : 0
    return new PackJob(binding().packTreeSync(directory, parent, layerForms[form], flags), options.path)
  }

  /**
   * The next bytes, up to a mebibyte; undefined at the end. Several blocks are made ahead. One call at a time.
   *
   * @throws SyscallError of the call that failed, with the file's path; ECANCELED after `cancel`.
   */
  async next(): Promise<Buffer | undefined> {
    const answer = await binding().packNext(this.#handle)
    if (answer instanceof Uint8Array) return answer as Buffer
    this.#check(answer)
    return undefined
  }

  /**
   * Writes the whole tar to a descriptor, from where it stands.
   *
   * @returns the bytes written.
   * @throws SyscallError of the call that failed: with the file's path when it was reading; ENOSPC, EPIPE, … of write(2); ECANCELED.
   */
  async into(fd: number): Promise<number> {
    return this.#check(await binding().packInto(this.#handle, fd))
  }

  /** Ends what is under way soon. */
  cancel(): void {
    binding().packCancelSync(this.#handle)
  }

  /** How far it is. */
  progress(): { bytes: number; entries: number } {
    const row = binding().packProgressSync(this.#handle)
    if (typeof row === 'number') throw new SyscallError(row, 'malloc')
    return { bytes: Number(row[0]), entries: Number(row[1]) }
  }

  /** What was noticed up to now, in the order of the tar. */
  warnings(): PackWarning[] {
    const table = binding().packWarningsSync(this.#handle)
    if (typeof table === 'number') throw new SyscallError(table, 'malloc')
    const { rows, text } = table
    const warnings: PackWarning[] = []
    for (let at = 0; at < rows.length; at += 3) {
      const code = notices[(rows[at] ?? 0) - 1]
      if (code === undefined) continue
      warnings.push({ code, path: Buffer.from(text.slice(rows[at + 1], rows[at + 2]), 'latin1') })
    }
    return warnings
  }

  #check(answer: number | TreeFailure): number {
    if (typeof answer === 'number') return answer
    const { errno, syscall, path } = answer
    if (syscall === 'write' || syscall === 'splice') throw new SyscallError(errno, syscall)
    const where = path.length === 0 ? this.#root : Buffer.concat([Buffer.from(`${this.#root}/`), path])
    throw new SyscallError(errno, syscall, {
      path: where,
      detail: errno === errnoOf('EREMOTE') ? elsewhere : undefined,
    })
  }
}
