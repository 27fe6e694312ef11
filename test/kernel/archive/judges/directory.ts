import { closeSync, constants, type BigIntStats, lstatSync, openSync, readdirSync } from 'node:fs'
import { type Bytes, fromBuffer, toBuffer } from './bytes.ts'

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * An open directory. What lies in it is named through /proc/self/fd, so that a tree can be deeper than one path of the kernel's
 * (4095 bytes), and a name can be of any bytes.
 */
export class Directory {
  readonly fd: number

  private constructor(path: string | Buffer) {
    this.fd = openSync(path, DIRECTORY)
  }

  static at(path: string): Directory {
    return new Directory(path)
  }

  /** A path that leads to an entry; without a name, to the directory itself. */
  path(name: Bytes = '.'): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.fd}/`), toBuffer(name)])
  }

  below(name: Bytes): Directory {
    return new Directory(this.path(name))
  }

  stat(name?: Bytes): BigIntStats {
    return lstatSync(this.path(name), { bigint: true })
  }

  /** Its names, in the order of their bytes. */
  names(): Bytes[] {
    return readdirSync(this.path(), { encoding: 'buffer' }).map(fromBuffer).sort()
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}
