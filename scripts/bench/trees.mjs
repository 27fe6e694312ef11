// The trees that are measured. One seed and one factor give the same names, contents, links and times of files everywhere.
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setxattrSync } from 'graphdriver/sys'
import { below, noise, seeded, sizes } from './random.mjs'

const MiB = 1 << 20

/** What fills a directory, by the tree's name. */
export const trees = {
  /** 20,000 small files, 100 MB, in 1,000 directories. */
  small: (directory, options) =>
    new Planter(directory, options).plant({ directories: 1000, files: 20_000, bytes: 100e6, spread: 1 }),
  /** A fifth of it, for peers that take seconds for the whole. */
  few: (directory, options) =>
    new Planter(directory, options).plant({ directories: 200, files: 4000, bytes: 20e6, spread: 1 }),
  /** 100,000 entries of all common kinds, 1 GB: about what a distribution with a few large programs is. */
  mixed: (directory, options) =>
    new Planter(directory, options).plant({
      directories: 8000,
      files: 84_000,
      bytes: 1e9,
      spread: 2,
      symlinks: 6000,
      links: 2000,
      xattrs: 500,
    }),
  /** 2 GB in 4 files. */
  large: (directory, options) => new Planter(directory, options).plantLarge(4, 512 * MiB),
  /** 50,000 files of a few bytes each, in 2,500 directories. */
  many: (directory, options) =>
    new Planter(directory, options).plant({ directories: 2500, files: 50_000, bytes: 50e6, spread: 1 }),
}

/** How a tree is made smaller, and which of all possible ones it is. */
class Planter {
  #root
  #factor
  #random
  #noise
  #directories = []
  #files = []

  constructor(root, { seed, factor }) {
    this.#root = root
    this.#factor = factor
    this.#random = seeded(seed)
    this.#noise = noise(this.#random, 4 * MiB)
  }

  /** A count, made smaller; at least one where there is one. */
  #scaled(count = 0) {
    return Math.ceil(count * this.#factor)
  }

  plant({ directories, files, bytes, spread, symlinks, links, xattrs }) {
    this.#plantDirectories(this.#scaled(directories))
    this.#plantFiles(this.#scaled(files), bytes * this.#factor, spread)
    this.#plantLinks(this.#scaled(symlinks), this.#scaled(links))
    this.#plantXattrs(this.#scaled(xattrs))
  }

  /** Each lies in one that was made before it, rarely deeper than ten. */
  #plantDirectories(count) {
    this.#directories.push(this.#root)
    for (let at = 0; at < count; at++) {
      const path = join(this.#directory(), `directory-${at}`)
      mkdirSync(path)
      this.#directories.push(path)
    }
  }

  #directory() {
    return this.#directories[below(this.#random, this.#directories.length)]
  }

  #plantFiles(count, bytes, spread) {
    for (const [at, size] of sizes(this.#random, count, bytes, spread).entries()) {
      const path = join(this.#directory(), `file-${at}.data`)
      this.#write(path, size, at % 16 === 0 ? 0o755 : 0o644)
      this.#files.push(path)
    }
  }

  #write(path, size, mode) {
    const start = below(this.#random, MiB)
    const first = this.#noise.subarray(start, start + Math.min(size, this.#noise.length - start))
    if (first.length === size) writeFileSync(path, first, { mode })
    else this.#writeLarge(path, size, mode)
    this.#date(path)
  }

  /** A time with a part of a second that a double holds exactly. */
  #date(path) {
    const time = 1_600_000_000 + below(this.#random, 100_000_000) + 1 / 1024
    utimesSync(path, time, time)
  }

  #writeLarge(path, size, mode) {
    const block = Buffer.from(this.#noise)
    const fd = openSync(path, 'w', mode)
    try {
      for (let at = 0; at < size; at += block.length) {
        // No two blocks are alike, so nothing can share them.
        block.writeDoubleLE(this.#random())
        writeSync(fd, block, 0, Math.min(block.length, size - at))
      }
    } finally {
      closeSync(fd)
    }
  }

  #plantLinks(symlinks, links) {
    for (let at = 0; at < symlinks; at++)
      symlinkSync(`../file-${below(this.#random, 100_000)}.data`, join(this.#directory(), `symlink-${at}`))
    for (let at = 0; at < links; at++) linkSync(this.#file(), join(this.#directory(), `link-${at}`))
  }

  #file() {
    return this.#files[below(this.#random, this.#files.length)]
  }

  #plantXattrs(count) {
    for (let at = 0; at < count; at++) {
      try {
        setxattrSync(this.#file(), 'user.bench', Buffer.from(`value ${at}`))
      } catch (error) {
        if (error.code !== 'ENOTSUP') throw error
        console.error('this filesystem has no user.* attributes: the tree has none')
        return
      }
    }
  }

  plantLarge(count, size) {
    for (let at = 0; at < count; at++) this.#write(join(this.#root, `large-${at}`), this.#scaled(size), 0o644)
  }
}
