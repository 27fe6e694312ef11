// Archives at random that mean something: names that meet again as files, directories, links, whiteouts and ways.
import {
  base256,
  directory,
  end,
  file,
  hardlink,
  header,
  type HeaderFields,
  long,
  pax,
  symlink,
} from '../../native/tarbytes.ts'
import { type Mutation, mutate, repaired } from '../../unit/archive/mutations.ts'

export type Random = () => number

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

function upTo(random: Random, most: number): number {
  return Math.floor(random() * (most + 1))
}

/** Few, so that they meet. `outside` and `secret` are what lies beside the layer. */
const parts = ['a', 'b', 'c', 'd', 's', 'a', 'b', 'd', 'outside', 'secret']
const oddParts = [
  '',
  '.',
  '..',
  '\xff',
  'n'.repeat(255),
  'n'.repeat(256),
  '.wh.',
  '.wh..',
  '.wh...',
  '.wh.a',
  '.wh.d',
  '.wh..wh..opq',
  '.wh..wh.aufs',
  '.wh..wh.orph',
  '.wh..wh.plnk',
  '.wh..wh.x',
  `.wh.${'n'.repeat(255)}`,
]
const whiteouts = ['.wh.a', '.wh.b', '.wh.d', '.wh.s', '.wh.secret', '.wh.outside', '.wh..wh..opq']

/**
 * Makes archives for one place.
 *
 * @param top the absolute path of what holds `outside`, `layer` some directories deeper.
 * @param climb what leads from the layer up to `top`.
 */
export class Grammar {
  readonly #random: Random
  readonly #top: string
  readonly #climb: string

  constructor(random: Random, top: string, climb: string) {
    this.#random = random
    this.#top = top
    this.#climb = climb
  }

  /** A whole archive; it may be a good one. */
  archive(): Buffer {
    const count = 1 + upTo(this.#random, 11)
    const entries = Array.from({ length: count }, () => this.#entry())
    const whole = Buffer.concat([...entries, this.#random() < 0.98 ? end : Buffer.alloc(512)])
    return this.#random() < 0.25 ? this.#mutated(whole) : whole
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #pick<T>(from: readonly T[]): T {
    return pick(this.#random, from)
  }

  /** Bytes elsewhere than the grammar has them; mostly with checksums that are right. */
  #mutated(whole: Buffer): Buffer {
    let bytes = whole
    for (let turn = upTo(this.#random, 2); turn >= 0 && bytes.length > 0; turn--) {
      const mutation: Mutation = {
        kind: this.#pick(['flip', 'byte', 'cut', 'remove', 'double', 'insert', 'field', 'field', 'zero']),
        at: upTo(this.#random, 0xffff),
        size: this.#pick([1, 1 + upTo(this.#random, 1099), 512, 1024]),
        value: upTo(this.#random, 255),
        text: this.#pick([
          '0',
          '7',
          ' ',
          '\0',
          '-1',
          '\x80',
          '\xff',
          '77777777777',
          'x',
          'L',
          'K',
          'g',
          '1',
          '2',
          '5',
          '../',
          '/',
        ]),
      } as Mutation
      bytes = mutate(bytes, mutation)
    }
    return this.#chance(0.9) ? repaired(bytes) : bytes
  }

  #name(): string {
    if (this.#chance(0.03)) return this.#target()
    const names = Array.from({ length: 1 + upTo(this.#random, 2) }, () =>
      this.#pick(this.#chance(0.02) ? oddParts : parts),
    )
    const front = this.#pick(['', '', '', '', '', './', '/', '//', './/./'])
    return front + names.join(this.#chance(0.05) ? '//' : '/') + (this.#chance(0.08) ? '/' : '')
  }

  /** Where links lead: out, by all ways that there are, and about inside. */
  #target(): string {
    const below = this.#pick([
      '',
      '/outside',
      '/outside/secret',
      '/outside/d',
      '/outside/d/hello',
      '/none',
      '/a',
      '/.wh.a',
    ])
    switch (upTo(this.#random, 8)) {
      case 0:
        return `${this.#climb}${below.slice(1)}`
      case 1:
        return `${this.#top}${below}`
      case 2:
        return `/proc/self/root${this.#top}${below}`
      case 3:
        return this.#pick(['..', '../..', '.', '/', './', '../', 'a/..', 's/..', '../d', '../a/../b'])
      case 4:
        return this.#pick(['x'.repeat(4095), 'x'.repeat(300), 'd/'.repeat(500), '\xff', '.wh.a', 'a/.wh.b/c'])
      default:
        return Array.from({ length: 1 + upTo(this.#random, 2) }, () => this.#pick([...parts, '..'])).join('/')
    }
  }

  #fields(): Partial<HeaderFields> {
    const fields: Partial<HeaderFields> = {}
    if (this.#chance(0.3))
      fields.mode = this.#pick([0, 0o777, 0o4755, 0o2777, 0o1777, 0o7777, 0o500, 0o40755])
    if (this.#chance(0.2)) fields.uid = this.#pick([0, 1, 1000, 0o7777777, base256(4294967294n, 8)])
    if (this.#chance(0.2)) fields.gid = this.#pick([0, 5, base256(4294967294n, 8)])
    if (this.#chance(0.2)) fields.mtime = this.#pick([0, 1, 2 ** 33 - 1, base256(-1n, 12)])
    if (this.#chance(0.02)) fields.prefix = this.#pick(['a', 'a/b', '/', 'x'.repeat(155)])
    if (this.#chance(0.02)) fields.magic = this.#pick(['ustar  \0', '\0\0\0\0\0\0\0\0', 'nothing.'])
    return this.#chance(0.01) ? { ...fields, ...this.#wild() } : fields
  }

  /** Numbers that few readers take for the same. */
  #wild(): Partial<HeaderFields> {
    const id = this.#pick([base256(-1n, 8), base256(4294967295n, 8), base256(2n ** 32n, 8)])
    return this.#pick<Partial<HeaderFields>>([
      { uid: id },
      { gid: id },
      { mtime: this.#pick([base256(2n ** 40n, 12), base256(2n ** 63n - 1n, 12), base256(-(2n ** 63n), 12)]) },
      { size: this.#pick([1, 512, 1 << 30]) },
      { size: this.#pick([base256(2n ** 53n - 1n, 12), base256(2n ** 63n, 12), base256(-1n, 12)]) },
      { link: this.#target() },
      { prefix: '..' },
      { type: this.#pick(['7', '\0', 'S', 'x', 'g', 'L', 'K', 'V', '8', 'D']) },
    ])
  }

  #body(): string {
    const size = this.#pick([0, 0, 1, 3, 511, 512, 513, 2000])
    return String.fromCharCode(97 + upTo(this.#random, 25)).repeat(this.#chance(0.02) ? size * 100 : size)
  }

  #entry(): Buffer {
    const [name, fields] = [this.#name(), this.#fields()]
    const front = this.#chance(0.12) ? this.#extension() : Buffer.alloc(0)
    return Buffer.concat([front, this.#thing(name, fields)])
  }

  #thing(name: string, fields: Partial<HeaderFields>): Buffer {
    switch (upTo(this.#random, 18)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return file(name, this.#body(), fields)
      case 4:
      case 5:
      case 6:
      case 7:
        return directory(name, fields)
      case 8:
      case 9:
      case 10:
        return symlink(name, this.#target(), fields)
      case 11:
        return hardlink(name, this.#chance(0.8) ? this.#pick(parts) : this.#target(), fields)
      case 12:
      case 13:
      case 14:
        return this.#whiteout(name, fields)
      case 15:
        return this.#pseudoLink(name, fields)
      case 16:
        return this.#device(name, fields)
      case 17:
        return header({ name, type: '6', ...fields })
      default:
        return directory(name, fields)
    }
  }

  #whiteout(name: string, fields: Partial<HeaderFields>): Buffer {
    const slash = name.lastIndexOf('/')
    const hidden = `${name.slice(0, slash + 1)}${this.#pick(whiteouts)}`
    if (this.#chance(0.1)) return hardlink(hidden, this.#pick(['.wh..wh.aufs', '.wh.a', 'a']), fields)
    return file(hidden, this.#chance(0.03) ? 'x' : '', fields)
  }

  #pseudoLink(name: string, fields: Partial<HeaderFields>): Buffer {
    const kept = `.wh..wh.plnk/${this.#pick(['1.1', '2.1', '.wh.x', 'a/b'])}`
    if (this.#chance(0.3)) return hardlink(name, kept, fields)
    return this.#chance(0.9) ? file(kept, this.#body(), fields) : directory('.wh..wh.plnk', fields)
  }

  #device(name: string, fields: Partial<HeaderFields>): Buffer {
    const odd = this.#chance(0.1)
    const major = odd ? this.#pick([0, 4096, base256(2n ** 32n, 8)]) : this.#pick([1, 4095])
    const minor = odd ? this.#pick([0, base256(2n ** 20n, 8), base256(-1n, 8)]) : this.#pick([3, 0o3777777])
    return header({ name, type: this.#pick(['3', '4']), major, minor, ...fields })
  }

  /** Headers that say something else of the entry that follows. */
  #extension(): Buffer {
    if (this.#chance(0.25))
      return long(this.#pick(['L', 'K']), this.#chance(0.5) ? this.#name() : this.#target())
    const records: Record<string, string> = {}
    for (let count = upTo(this.#random, 2); count >= 0; count--) {
      const [key, value] = this.#record()
      records[key] = value
    }
    return pax(records, this.#chance(0.05) ? 'g' : 'x')
  }

  #record(): [key: string, value: string] {
    if (this.#chance(0.07)) return this.#wildRecord()
    switch (upTo(this.#random, 7)) {
      case 0:
        return ['path', this.#name()]
      case 1:
        return ['linkpath', this.#target()]
      case 2:
        return [this.#pick(['uid', 'gid']), this.#pick(['0', '7', '4294967294'])]
      case 3:
        return ['mtime', this.#pick(['0', '-1.5', '5000000000.999999999', '1.'])]
      default:
        return [`SCHILY.xattr.${this.#xattr()}`, this.#pick(['', 'y', '\0', 'x'.repeat(70), '0s'])]
    }
  }

  #wildRecord(): [key: string, value: string] {
    return this.#pick<[string, string]>([
      ['size', this.#pick(['0', '3', '512', '10000', '-1', '9007199254740993'])],
      ['uid', this.#pick(['4294967295', '-1', 'root'])],
      ['mtime', this.#pick(['99999999999.9', '9223372036854775807', 'x', '1e9', '-9223372036854775808'])],
      ['path', 'a\0b'],
      ['linkpath', ''],
      ['GNU.sparse.major', '1'],
      ['SCHILY.xattr.', 'x'],
    ])
  }

  #xattr(): string {
    return this.#pick([
      'user.a',
      'trusted.a',
      'trusted.overlay.opaque',
      'trusted.overlay.redirect',
      'trusted.overlay.whiteout',
      'user.overlay.opaque',
      'security.capability',
      'security.ima',
      'security.selinux',
      'system.posix_acl_access',
      'system.posix_acl_default',
      'nobody.knows',
      `user.${'n'.repeat(250)}`,
      `user.${'n'.repeat(251)}`,
    ])
  }
}
