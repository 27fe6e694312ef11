import { closeSync, openSync } from 'node:fs'

import { listMounts, mountinfo, mountsChangedSync, SyscallError } from '../sys/index.ts'
import type { Mountinfo } from '../sys/index.ts'

/** What a {@link MountTable} holds. */
export interface MountTableOptions {
  /**
   * With the options of the filesystems; the default is true. Without them `superOptions` is empty, and reading the table again costs far less
   * where there are overlays of many layers (Linux 6.13; before, they are there).
   */
  superOptions?: boolean
}

/**
 * The mount table of this process's namespace, read again only when it changed: to find that it did not takes about a microsecond,
 * however many mounts there are.
 *
 * ```ts
 * import { MountTable } from 'graphdriver/mount'
 *
 * using table = new MountTable()
 * for (const mount of await table.read()) console.log(mount.mountPoint)
 * ```
 *
 * Propagation that changes by itself (`make-private`) is no change to the kernel, and not seen until the next one.
 */
export class MountTable implements Disposable {
  readonly #superOptions: boolean
  #fd: number
  #known: Mountinfo | undefined
  /** Which read was begun last: an older one that ends later must not be taken for what is now. */
  #turn = 0

  /** @throws an error of node:fs where /proc is not mounted. */
  constructor(options: MountTableOptions = {}) {
    this.#superOptions = options.superOptions ?? true
    this.#fd = openSync('/proc/self/mountinfo', 'r')
  }

  /**
   * The table as it is now; the same object as before when nothing changed.
   *
   * @throws SyscallError EBADF after close(); as mountinfo().
   */
  async read(): Promise<Mountinfo> {
    if (this.#fd < 0) throw new SyscallError('EBADF', 'poll', { detail: 'the table is closed' })
    // Asked before it is read: what changes meanwhile is seen the next time.
    const changed = mountsChangedSync(this.#fd)
    if (!changed && this.#known !== undefined) return this.#known
    this.#known = undefined
    const turn = ++this.#turn
    const table = await this.#load()
    if (turn === this.#turn) this.#known = table
    return table
  }

  async #load(): Promise<Mountinfo> {
    if (this.#superOptions) return mountinfo()
    try {
      return await listMounts()
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      return mountinfo()
    }
  }

  /** Lets go of the descriptor. A second call has no effect. */
  close(): void {
    const fd = this.#fd
    this.#fd = -1
    this.#turn++
    this.#known = undefined
    if (fd >= 0) closeSync(fd)
  }

  /** The same as {@link MountTable.close}. */
  [Symbol.dispose](): void {
    this.close()
  }
}
