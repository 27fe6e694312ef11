import { binding } from './binding.ts'
import { errnoOf, SyscallError } from './error.ts'
import { layerForms, type LayerForm } from './layer-form.ts'
import type { NativeHandle, Path } from './native.ts'

/** What is copied, and where to. */
export interface FlattenOptions {
  /** Directories of the layers, top first. */
  layers: readonly Path[]
  /** An empty directory. */
  to: Path
  form: LayerForm
  /** Go on where an owner, a device or an extended attribute may not be set (EPERM, ENOTSUP). */
  lenient?: boolean
}

/** The addon's bit. */
const lenientBit = 1

const elsewhere =
  'it is not whole without the layers below (overlay with metacopy or redirect_dir); a mount of it shows all of it'

/**
 * Copies what a union of layers shows, without a mount, and the attributes of its root: owners, modes, nanosecond times, extended
 * attributes, hard links, devices, fifos, links and holes. Uses reflinks where the filesystem has them. Sockets are left out.
 */
export class FlattenJob {
  readonly #handle: NativeHandle<'flatten'>

  /**
   * Reads nothing yet.
   *
   * @throws SyscallError ENOMEM
   */
  constructor({ layers, to, form, lenient = false }: FlattenOptions) {
    const paths = layers.map((path) => Buffer.concat([Buffer.from(path as string), Buffer.of(0)]))
    const flags = lenient ? lenientBit : 0
    const handle = binding().flattenSync(Buffer.concat(paths), to, layerForms[form], flags)
    if (typeof handle === 'number') throw new SyscallError(handle, 'malloc')
    this.#handle = handle
  }

  /**
   * Copies. Once.
   *
   * @returns how many entries were copied.
   * @throws SyscallError of the call that failed, with the whole path: EXDEV (something is mounted there), ESTALE (it changed meanwhile),
   * EREMOTE (a file whose contents are in a layer below), ENOSPC, EACCES, …; ECANCELED after `cancel`.
   */
  async run(): Promise<number> {
    const answer = await binding().flattenRun(this.#handle)
    if (typeof answer === 'number') return answer
    const { errno, syscall, path } = answer
    throw new SyscallError(errno, syscall, {
      ...(path.length > 0 && { path }),
      detail: errno === errnoOf('EREMOTE') ? elsewhere : undefined,
    })
  }

  /** How far it is: bytes of files, and entries. */
  progress(): { bytes: number; entries: number } {
    const row = binding().flattenProgressSync(this.#handle)
    if (typeof row === 'number') throw new SyscallError(row, 'malloc')
    return { bytes: Number(row[0]), entries: Number(row[1]) }
  }

  /** Ends what is under way soon. */
  cancel(): void {
    binding().flattenCancelSync(this.#handle)
  }
}
