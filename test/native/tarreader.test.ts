import assert from 'node:assert/strict'

import { entries as readEntries } from '#lib/archive/entries.js'
import type { EntryHead } from '#lib/archive/entry.js'
import { resolveLimits } from '#lib/archive/limits.js'
import { listTarSync } from '#lib/sys/tarreader.js'
import type { ListedEntry, TarReaderLimits } from '#lib/sys/tarreader.js'

import { LONG, seedOr } from '../figures.ts'
import { native, seeded } from './support.ts'
import {
  base256,
  directory,
  end,
  file,
  hardlink,
  header,
  long,
  padded,
  pax,
  record,
  symlink,
  tar,
  withChecksum,
} from './tarbytes.ts'
import { vectors } from '../unit/archive/vectors/index.ts'
import type { Vector } from '../unit/archive/vectors/index.ts'

const limits: TarReaderLimits = {
  entries: 10_000_000,
  bytes: Infinity,
  extendedHeader: 1 << 20,
  paxRecords: 4096,
  xattrs: 128,
  xattrName: 255,
  xattrValue: 65_536,
  path: 4095,
  component: 255,
}

type Outcome = { entries: readonly ListedEntry[]; code: string; message: string }

function list(bytes: Buffer, pieces: number[] = [], given: Partial<TarReaderLimits> = {}): Outcome {
  const { entries, refusal } = listTarSync(bytes, { ...limits, ...given }, pieces)
  return { entries, code: refusal?.code ?? '', message: refusal?.message ?? '' }
}

const names = ({ entries }: Outcome): string[] => entries.map((entry) => entry.name.toString('latin1'))

/** Of everything that can be in a good archive. */
function goodArchive(): Buffer {
  const wide = 'w'.repeat(150)
  return tar(
    pax('', 'g'),
    pax({ comment: 'of the archive', mtime: '5' }, 'g'),
    directory('./'),
    directory('a/', { mode: 0o1777, mtime: 0 }),
    file('a/one', 'x'.repeat(1000), { uid: 1000, gid: 50 }),
    file('a/two', '', { mode: 0 }),
    hardlink('a/three', 'a/one'),
    symlink('link', '/absolute/\xff'),
    header({ name: 'char', type: '3', major: 4, minor: 1048575 }),
    header({ name: 'block', type: '4', major: base256(4294967295n, 8), minor: 2 }),
    header({ name: 'fifo', type: '6' }),
    pax({
      path: `${wide}/\xc3\xa9`,
      uid: '4294967294',
      mtime: '-1.5',
      'SCHILY.xattr.user.a': 'v\0\n=',
      'SCHILY.xattr.user.empty': '',
      'SCHILY.xattr.user.x%3Dy%25z': '1',
    }),
    file('short', 'body'),
    long('L', `${wide}/${wide}`),
    long('K', `${wide}/target`),
    symlink('cut', 'cut'),
    header({ name: 'old', magic: '', type: '\0', mtime: base256(-7n, 12) }),
    file('old directory/', '', { magic: 'ustar  \0', prefix: 'no prefix here' }),
    file('name', 'b', { prefix: 'pre/fix', type: '7' }),
    pax({ size: '3' }),
    Buffer.concat([header({ name: 'sized by PAX', size: 0o77777777777 }), padded(Buffer.from('abc'))]),
  )
}

describe('native: tar reader', () => {
  it('lists every form', () => {
    const { entries, code } = list(goodArchive())
    assert.equal(code, '')
    const brief = entries.map(({ type, size, mode, uid, gid, mtime, major, minor, name, linkname }) => [
      name.toString('latin1').replace(/w+/g, 'w'),
      ...[type, size, mode, uid, gid, mtime, major, minor, linkname?.toString('latin1').replace(/w+/g, 'w')],
    ])
    const time = 1_000_000_000_000_000_000n
    assert.deepEqual(brief, [
      ['./', 'directory', 0, 0o755, 0, 0, time, 0, 0, undefined],
      ['a/', 'directory', 0, 0o1777, 0, 0, 0n, 0, 0, undefined],
      ['a/one', 'file', 1000, 0o644, 1000, 50, time, 0, 0, undefined],
      ['a/two', 'file', 0, 0, 0, 0, time, 0, 0, undefined],
      ['a/three', 'link', 0, 0o644, 0, 0, time, 0, 0, 'a/one'],
      ['link', 'symlink', 0, 0o777, 0, 0, time, 0, 0, '/absolute/\xff'],
      ['char', 'char', 0, 0o644, 0, 0, time, 4, 1048575, undefined],
      ['block', 'block', 0, 0o644, 0, 0, time, 4294967295, 2, undefined],
      ['fifo', 'fifo', 0, 0o644, 0, 0, time, 0, 0, undefined],
      ['w/\xc3\xa9', 'file', 4, 0o644, 4294967294, 0, -1_500_000_000n, 0, 0, undefined],
      ['w/w', 'symlink', 0, 0o777, 0, 0, time, 0, 0, 'w/target'],
      ['old', 'file', 0, 0o644, 0, 0, -7_000_000_000n, 0, 0, undefined],
      ['old directory/', 'directory', 0, 0o644, 0, 0, time, 0, 0, undefined],
      ['pre/fix/name', 'file', 1, 0o644, 0, 0, time, 0, 0, undefined],
      ['sized by PAX', 'file', 3, 0o644, 0, 0, time, 0, 0, undefined],
    ])
    const xattrs = entries.flatMap((entry) => [...entry.xattrs])
    assert.deepEqual(xattrs, [
      ['user.a', Buffer.from('v\0\n=')],
      ['user.empty', Buffer.alloc(0)],
      ['user.x=y%z', Buffer.from('1')],
    ])
  })

  it('is no matter of how it is cut', () => {
    const bytes = goodArchive()
    const whole = list(bytes)
    for (const pieces of [[1], [511], [512], [513], [7, 1, 1024], [3000, 1], [bytes.length - 1, 1]]) {
      assert.deepEqual(list(bytes, pieces), whole, pieces.join())
    }
  })

  it('refuses, and says what, in which entry and where', () => {
    const bad = header({ name: 'bad\n', uid: Buffer.from('12x45670') })
    const { code, message } = list(tar(file('good', 'body'), pax({ comment: '' }), bad))
    assert.equal(code, 'ERR_ARCHIVE_FORMAT')
    assert.equal(message, 'Entry 2 at byte 2048 of the archive is refused: its uid is no number, or out of range')
    const named = list(tar(file('f'), hardlink('l"\x1b', 'f', { size: 1 })))
    assert.match(named.message, /^Entry 2 "l\\"\\u001b" at byte 512 of the archive is refused: it has a size/)
    const limited = list(goodArchive(), [], { entries: 3 })
    assert.match(limited.message, /^Entry 4 "a\/two" at byte 4096 of .*more entries than the limit \(limit entries: 3\)$/)
    assert.equal(limited.code, 'ERR_ARCHIVE_LIMIT')
    assert.deepEqual(names(limited), ['./', 'a/', 'a/one'])
  })

  it('what is no archive at all', () => {
    assert.deepEqual([list(Buffer.alloc(0)).code, list(end).code, list(end.subarray(512)).code], ['', '', ''])
    assert.equal(list(Buffer.from('hello')).code, 'ERR_ARCHIVE_TRUNCATED')
    assert.equal(list(Buffer.alloc(10_000, 'x')).code, 'ERR_ARCHIVE_FORMAT')
    const twice = Buffer.concat([goodArchive(), goodArchive()])
    assert.deepEqual(list(twice), list(goodArchive()), 'what follows the end is no part of it')
  })

  it('a cut anywhere but between entries is noticed', () => {
    const bytes = goodArchive().subarray(0, -1024)
    const boundaries = new Set<number>()
    for (let at = 0; at <= bytes.length; at += 128) {
      const { code } = list(bytes.subarray(0, at))
      if (code === '') boundaries.add(at)
      else assert.equal(code, 'ERR_ARCHIVE_TRUNCATED', String(at))
    }
    // Before the first entry, after each of the two global headers, and after each entry.
    assert.equal(boundaries.size, 1 + 2 + list(bytes).entries.length)
  })

  it('a size that is not there takes no memory', () => {
    const before = process.memoryUsage.rss()
    const huge = header({ name: 'huge', size: base256(2n ** 53n - 1n, 12) })
    for (let i = 0; i < 1000; i++) assert.equal(list(huge).code, 'ERR_ARCHIVE_TRUNCATED')
    const block = header({ name: 'PaxHeader', type: 'x', size: 1 << 20 })
    for (let i = 0; i < 1000; i++) assert.equal(list(block).code, 'ERR_ARCHIVE_TRUNCATED')
    assert.ok(process.memoryUsage.rss() - before < 64 << 20)
  })

  it('limits: one more is too much, and bytes are counted to the last', () => {
    const bytes = goodArchive()
    assert.equal(list(bytes, [], { bytes: bytes.length }).code, '')
    for (const pieces of [[], [1], [bytes.length - 1, 1]]) {
      assert.equal(list(bytes, pieces, { bytes: bytes.length - 1 }).code, 'ERR_ARCHIVE_LIMIT')
    }
    const cases: [string, Partial<TarReaderLimits>, number, (count: number) => Buffer][] = [
      ['entries', { entries: 5 }, 5, (n) => Buffer.concat(Array.from({ length: n }, () => file('f')))],
      ['extendedHeader', {}, 1 << 20, (n) => Buffer.concat([long('L', 'n'.repeat(3) + '\0'.repeat(n - 4)), file('f')])],
      ['paxRecords', {}, 4096, (n) => Buffer.concat([pax(record('a', '').repeat(n)), file('f')])],
      ['xattrs', {}, 128, (n) => {
        const records = Array.from({ length: n }, (_, i) => record(`SCHILY.xattr.user.${i}`, ''))
        return Buffer.concat([pax(records.join('')), file('f')])
      }],
      ['xattrName', {}, 255, (n) => Buffer.concat([pax({ [`SCHILY.xattr.${'n'.repeat(n)}`]: '' }), file('f')])],
      ['xattrValue', {}, 65_536, (n) => Buffer.concat([pax({ 'SCHILY.xattr.user.a': 'v'.repeat(n) }), file('f')])],
      ['path', {}, 4095, (n) => Buffer.concat([long('L', 'abcdef/'.repeat(n).slice(0, n)), file('f')])],
      ['path', {}, 4095, (n) => Buffer.concat([long('K', 'l'.repeat(n)), symlink('f', 'x')])],
      ['component', {}, 255, (n) => Buffer.concat([long('L', `a/${'b'.repeat(n)}/c`), file('f')])],
      ['component', {}, 259, (n) => Buffer.concat([long('L', `a/.wh.${'b'.repeat(n - 4)}`), file('f')])],
    ]
    for (const [limit, given, most, make] of cases) {
      const fits = list(tar(make(most)), [], given)
      assert.equal(fits.code, '', `${limit}: ${fits.message}`)
      const over = list(tar(make(most + 1)), [], given)
      assert.equal(over.code, 'ERR_ARCHIVE_LIMIT', limit)
      assert.match(over.message, new RegExp(`\\(limit ${limit}: \\d+\\)$`))
    }
  })
})

/** What is said of an entry, without its body. */
function headOf({ name, type, size, mode, uid, gid, mtime, linkname, major, minor, xattrs }: EntryHead | ListedEntry): ListedEntry {
  return { name, type, size, mode, uid, gid, mtime, linkname, major, minor, xattrs }
}

describe('native: tar reader, the archives that all readers of ours judge alike', () => {
  function judge({ bytes, limits: given, list: wanted, refused }: Vector, pieces: number[]): void {
    const { entries, code, message } = list(bytes, pieces, resolveLimits(given))
    assert.equal(code, refused ?? '', message)
    if (wanted !== undefined) assert.deepEqual(entries.map(headOf), wanted.map(headOf))
  }
  for (const [group, rows] of Object.entries(vectors)) {
    describe(group, () => {
      for (const row of rows) {
        it(row.name, () => {
          for (const pieces of [[], [512], [513], [100], row.bytes.length < 1e6 ? [1] : [4099]]) judge(row, pieces)
        })
      }
    })
  }
})

/** A change of a good archive; sums are set right again most of the time, so that what is behind them is met. */
function mutate(good: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(good)
  const pick = (count: number): number => Math.floor(random() * count)
  const headers: number[] = []
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') headers.push(at)
  }
  for (let turn = pick(4); turn >= 0; turn--) {
    const at = headers[pick(headers.length)] ?? 0
    const fields = [0, 99, 100, 107, 108, 124, 135, 136, 148, 156, 157, 257, 329, 345, 512, 530]
    const place = at + (fields[pick(fields.length)] ?? 0) + pick(4)
    const values = [0, 0x20, 0x2f, 0x30, 0x37, 0x39, 0x3d, 0x78, 0x67, 0x4c, 0x4b, 0x53, 0x80, 0xff, pick(256)]
    bytes[place % bytes.length] = values[pick(values.length)] ?? 0
    if (random() < 0.9) withChecksum(bytes.subarray(at, at + 512))
  }
  if (random() < 0.2) return bytes.subarray(0, pick(bytes.length))
  if (random() < 0.2) return Buffer.concat([bytes.subarray(0, 512 * pick(10)), bytes.subarray(512 * pick(10))])
  return bytes
}

async function readByTypeScript(bytes: Buffer): Promise<{ code: string; list: ListedEntry[] }> {
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield bytes
  }
  const read: ListedEntry[] = []
  try {
    for await (const entry of readEntries(source())) {
      read.push(headOf(entry))
    }
  } catch (error) {
    return { code: (error as { code: string }).code, list: read }
  }
  return { code: '', list: read }
}

describe('native: tar reader, mutated archives', () => {
  const rounds = LONG ? 1_000_000 : 6000

  it(`${rounds} of them, cut in every way: the same list or the same refusal`, function () {
    this.timeout(rounds * 5)
    const seed = seedOr(20141)
    const random = seeded(seed)
    const good = goodArchive()
    const seen = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(good, random)
      const whole = list(bytes)
      const pieces = [1 + Math.floor(random() * 700), 1 + Math.floor(random() * 3)]
      assert.deepEqual(list(bytes, pieces), whole, `seed ${seed}, round ${round}, pieces ${pieces.join()}`)
      if (round % 50 === 0) assert.deepEqual(list(bytes, [1]), whole, `seed ${seed}, round ${round}`)
      seen.set(whole.code, (seen.get(whole.code) ?? 0) + 1)
      if (whole.code !== '') assert.match(whole.code, /^ERR_ARCHIVE_(FORMAT|TRUNCATED|LIMIT|UNSUPPORTED)$/)
    }
    // All kinds of ends were met: else the mutations are too wild or too tame.
    for (const code of ['', 'ERR_ARCHIVE_FORMAT', 'ERR_ARCHIVE_TRUNCATED', 'ERR_ARCHIVE_UNSUPPORTED']) {
      assert.ok((seen.get(code) ?? 0) > rounds / 100, `${code}: ${seen.get(code) ?? 0}`)
    }
  })

  const compared = LONG ? 100_000 : 1500
  it(`${compared} of them: the reader in TypeScript makes the same of them`, async function () {
    this.timeout(compared * 40)
    const seed = seedOr(20142)
    const random = seeded(seed)
    const good = goodArchive()
    for (let round = 0; round < compared; round++) {
      const bytes = mutate(good, random)
      const wanted = await readByTypeScript(bytes)
      const { entries, code, message } = list(bytes)
      assert.deepEqual({ code, list: entries.map(headOf) }, wanted, `seed ${seed}, round ${round}: ${message}`)
    }
  })

  it('refuses limits that are none', () => {
    assert.equal(native.listTarSync(Buffer.alloc(0), new Int32Array(0), new Uint8Array(8)), -native.errnos['EINVAL']!)
  })
})
