// Each limit, reached and passed.
import { accepted, end, entry, globalPax, header, listed, long, pax, record, refused, tar } from './build.ts'
import type { Vector } from './build.ts'
import type { ArchiveLimits } from '#lib/archive/limits.js'

const limit = 'ERR_ARCHIVE_LIMIT'
const mebi = 1024 * 1024

function within(limits: ArchiveLimits, vector: Vector): Vector {
  return { ...vector, limits }
}

/** A name of `size` bytes whose parts have 255 at most. */
function pathOf(size: number): string {
  return `${'p'.repeat(200)}/`.repeat(Math.ceil(size / 201)).slice(0, size - 1) + 'e'
}

/** A PAX record of `size` bytes. */
function recordOf(size: number): Buffer {
  const most = record('comment', 'x'.repeat(size))
  return record('comment', 'x'.repeat(size - (most.length - size)))
}

const attributes = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, i) => [`SCHILY.xattr.user.${i}`, 'x'])
const attributeMap = (count: number): Map<string, Buffer> =>
  new Map(Array.from({ length: count }, (_, i) => [`user.${i}`, Buffer.from('x')]))

const three = ['a', 'b', 'c']
const threeEntries = three.map((name) => entry({ name }, 'x'))
const threeListed = three.map((name) => listed({ name, body: 'x' }))

const counts: Vector[] = [
  within({ entries: 3 }, accepted('as many entries as there may be', tar(...threeEntries), ...threeListed)),
  within({ entries: 2 }, refused('an entry too many', limit, tar(...threeEntries))),
  within({ entries: 0 }, accepted('no entry where there may be none', end)),
  within(
    { entries: 2 },
    refused(
      'an entry too many that is cut',
      limit,
      Buffer.concat([...threeEntries.slice(0, 2), header({ size: 5 })]),
    ),
  ),
  within({ bytes: 4096 }, accepted('as many bytes as there may be', tar(...threeEntries), ...threeListed)),
  within({ bytes: 4095 }, refused('a byte too many', limit, tar(...threeEntries))),
  within(
    { bytes: 4096 },
    refused('a byte too many behind the end', limit, Buffer.concat([tar(...threeEntries), Buffer.from('x')])),
  ),
  within({ bytes: 10_000 }, refused('a size that leads beyond', limit, header({ size: 9489 }))),
  within(
    { bytes: 10_000 },
    refused('a size that leads just up to it, and no body', 'ERR_ARCHIVE_TRUNCATED', header({ size: 9488 })),
  ),
  within(
    { bytes: 600 },
    refused('a PAX header that leads beyond', limit, pax([['comment', 'x'.repeat(200)]]).subarray(0, 512)),
  ),
  within(
    { bytes: 600 },
    refused(
      'a fault before the limit',
      'ERR_ARCHIVE_FORMAT',
      Buffer.concat([entry({ uid: 'x' }), Buffer.alloc(1000)]),
    ),
  ),
  within({ bytes: 0 }, accepted('no byte where there may be none', Buffer.alloc(0))),
]

const extensions: Vector[] = [
  accepted('a PAX header of 1 MiB', tar(pax(recordOf(mebi)), entry()), listed()),
  // R15
  refused('a PAX header of 1 MiB and a byte', limit, tar(pax(recordOf(mebi + 1)), entry())),
  refused('a PAX header that says 8 GiB', limit, pax('', { size: '77777777777\0' })),
  refused('a global header of 1 MiB and a byte', limit, tar(globalPax(recordOf(mebi + 1)), entry())),
  refused('a long name of 1 MiB and a byte', limit, tar(long('L', Buffer.alloc(mebi + 1, 'x')), entry())),
  refused(
    'a long link name of 1 MiB and a byte',
    limit,
    tar(long('K', Buffer.alloc(mebi + 1, 'x')), entry()),
  ),
  accepted(
    'a long name of 1 MiB, most of it NULs',
    tar(long('L', Buffer.concat([Buffer.from('x'), Buffer.alloc(mebi - 1)])), entry()),
    listed({ name: 'x' }),
  ),
  within(
    { extendedHeader: 10 },
    refused('a PAX header above a limit that was set', limit, tar(pax(recordOf(100)), entry())),
  ),
  accepted(
    '4096 records',
    tar(pax(Buffer.concat(Array<Buffer>(4096).fill(record('a', 'b')))), entry()),
    listed(),
  ),
  refused(
    '4097 records',
    limit,
    tar(pax(Buffer.concat(Array<Buffer>(4097).fill(record('a', 'b')))), entry()),
  ),
  refused(
    '4097 global records',
    limit,
    tar(globalPax(Buffer.concat(Array<Buffer>(4097).fill(record('a', 'b')))), entry()),
  ),
  within(
    { paxRecords: 1 },
    refused(
      'two records where there may be one',
      limit,
      tar(
        pax([
          ['a', 'b'],
          ['c', 'd'],
        ]),
        entry(),
      ),
    ),
  ),
]

const xattrs: Vector[] = [
  accepted('128 attributes', tar(pax(attributes(128)), entry()), listed({ xattrs: attributeMap(128) })),
  refused('129 attributes', limit, tar(pax(attributes(129)), entry())),
  accepted(
    'the same 128 attributes twice',
    tar(pax([...attributes(128), ...attributes(128)]), entry()),
    listed({ xattrs: attributeMap(128) }),
  ),
  accepted(
    'an attribute of 255 bytes of name',
    tar(pax([[`SCHILY.xattr.${'n'.repeat(255)}`, 'x']]), entry()),
    listed({ xattrs: new Map([['n'.repeat(255), Buffer.from('x')]]) }),
  ),
  refused(
    'an attribute of 256 bytes of name',
    limit,
    tar(pax([[`SCHILY.xattr.${'n'.repeat(256)}`, 'x']]), entry()),
  ),
  accepted(
    'an attribute of 64 KiB',
    tar(pax([['SCHILY.xattr.user.x', Buffer.alloc(65_536, 7)]]), entry()),
    listed({ xattrs: new Map([['user.x', Buffer.alloc(65_536, 7)]]) }),
  ),
  refused(
    'an attribute of 64 KiB and a byte',
    limit,
    tar(pax([['SCHILY.xattr.user.x', Buffer.alloc(65_537)]]), entry()),
  ),
  within(
    { xattrs: 0 },
    refused('an attribute where there may be none', limit, tar(pax(attributes(1)), entry())),
  ),
  within(
    { xattrName: 5 },
    refused("an attribute's name above a limit that was set", limit, tar(pax(attributes(1)), entry())),
  ),
  within(
    { xattrValue: 0 },
    refused('a value above a limit that was set', limit, tar(pax(attributes(1)), entry())),
  ),
]

const name255 = 'c'.repeat(255)

const names: Vector[] = [
  accepted(
    'a name of 4095 bytes',
    tar(pax([['path', pathOf(4095)]]), entry()),
    listed({ name: pathOf(4095) }),
  ),
  refused('a name of 4096 bytes', limit, tar(pax([['path', pathOf(4096)]]), entry())),
  refused('a long name of 4096 bytes', limit, tar(long('L', pathOf(4096)), entry())),
  accepted(
    'a part of 255 bytes',
    tar(pax([['path', `a/${name255}/b`]]), entry()),
    listed({ name: `a/${name255}/b` }),
  ),
  ...[`${name255}x`, `a/${name255}x`, `${name255}x/b`, `${name255}x/`].map((name) =>
    refused(`a part of 256 bytes: ${name.replace(name255, '…')}`, limit, tar(pax([['path', name]]), entry())),
  ),
  accepted(
    'a whiteout of a name of 255 bytes',
    tar(pax([['path', `a/.wh.${name255}`]]), entry()),
    listed({ name: `a/.wh.${name255}` }),
  ),
  refused('a whiteout of a name of 256 bytes', limit, tar(pax([['path', `.wh.${name255}x`]]), entry())),
  refused('a directory called like one', limit, tar(pax([['path', `.wh.${name255}/x`]]), entry())),
  accepted(
    'a link name of 4095 bytes, in one part',
    tar(pax([['linkpath', 'l'.repeat(4095)]]), entry({ type: '2' })),
    listed({ type: 'symlink', linkname: 'l'.repeat(4095) }),
  ),
  refused('a link name of 4096 bytes', limit, tar(pax([['linkpath', pathOf(4096)]]), entry({ type: '1' }))),
  accepted(
    'a link name of 4096 bytes of what is no link',
    tar(pax([['linkpath', pathOf(4096)]]), entry()),
    listed(),
  ),
  refused('100,000 directories deep', limit, tar(pax([['path', 'd/'.repeat(100_000)]]), entry())),
  within({ path: 3 }, refused('a name above a limit that was set', limit, tar(entry({ name: 'four' })))),
  within(
    { component: 3 },
    refused('a part above a limit that was set', limit, tar(entry({ name: 'a/four' }))),
  ),
]

export const limits: Vector[] = [...counts, ...extensions, ...xattrs, ...names]
