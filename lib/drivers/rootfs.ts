import { open, type FileHandle } from 'node:fs/promises'
import { O_PATH } from '../sys/index.ts'
import type { Rootfs } from './graph-driver.ts'

/** The descriptors of one instance's handles: an open one keeps its mount busy. */
export class Handles {
  readonly #open = new Set<FileHandle>()

  /** A handle of what was gotten. `give` gives the reference back. */
  async make(path: string, give: () => Promise<void>): Promise<Rootfs> {
    const handle = await open(path, O_PATH)
    this.#open.add(handle)
    let released: Promise<void> | undefined
    const release = (): Promise<void> =>
      (released ??= this.#close(handle)
        .then(give)
        .catch((error: unknown) => {
          // The reference is still there, so that release can be repeated.
          released = undefined
          throw error
        }))
    return {
      path,
      // Its number soon belongs to another file: FileHandle answers -1 when it is closed.
      get fd() {
        return handle.fd
      },
      release,
      [Symbol.asyncDispose]: release,
    }
  }

  /** Closes the descriptor of one handle, or every one. */
  async close(rootfs?: Rootfs): Promise<void> {
    for (const handle of [...this.#open]) {
      if (rootfs === undefined || handle.fd === rootfs.fd) await this.#close(handle)
    }
  }

  async #close(handle: FileHandle): Promise<void> {
    if (this.#open.delete(handle)) await handle.close()
  }
}
