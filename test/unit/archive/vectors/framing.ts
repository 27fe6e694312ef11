// Headers, bodies, ends: what tar-stream 3.2 gets wrong (R1 to R5, R12, R13, R16), and what is cut or goes on.
import { accepted, end, entry, globalPax, gnu, header, listed, long, pax, refused, tar, v7 } from './build.ts'
import type { Vector } from './build.ts'

const format = 'ERR_ARCHIVE_FORMAT'
const truncated = 'ERR_ARCHIVE_TRUNCATED'
const unsupported = 'ERR_ARCHIVE_UNSUPPORTED'

const other = entry({ name: 'other' }, 'contents')
const otherListed = listed({ name: 'other', body: 'contents' })

const types: Vector[] = [
  accepted(
    'every type',
    tar(
      entry({ name: 'file' }, 'hello'),
      entry({ name: 'old', type: '\0' }, 'old'),
      entry({ name: 'contiguous', type: '7' }, 'seven'),
      entry({ name: 'hard', type: '1', linkname: 'file' }),
      entry({ name: 'soft', type: '2', linkname: '../nowhere' }),
      entry({ name: 'null', type: '3', major: 1, minor: 3 }),
      entry({ name: 'disk', type: '4', major: 8, minor: 0 }),
      entry({ name: 'dir/', type: '5', mode: 0o755 }),
      entry({ name: 'pipe', type: '6' }),
    ),
    listed({ name: 'file', body: 'hello' }),
    listed({ name: 'old', body: 'old' }),
    listed({ name: 'contiguous', body: 'seven' }),
    listed({ name: 'hard', type: 'link', linkname: 'file' }),
    listed({ name: 'soft', type: 'symlink', linkname: '../nowhere' }),
    listed({ name: 'null', type: 'char', major: 1, minor: 3 }),
    listed({ name: 'disk', type: 'block', major: 8, minor: 0 }),
    listed({ name: 'dir/', type: 'directory', mode: 0o755 }),
    listed({ name: 'pipe', type: 'fifo' }),
  ),
  ...['S', 'V', 'M', 'D', 'N', 'A', 'X', '8', '9', ' ', '\xff'].map((type) =>
    refused(`type ${JSON.stringify(type)}`, unsupported, tar(other, entry({ type }), other)),
  ),
  // R1: tar-stream waits for ever. R4: it skips the body, where others look for a header.
  ...['1', '2', '3', '4', '5', '6'].flatMap((type) => [
    refused(`type ${type} with a body`, format, tar(entry({ type, linkname: 'x' }, 'body'), other)),
    refused(`type ${type} with a size only`, format, tar(header({ type, linkname: 'x', size: 5 }), other)),
    refused(
      `type ${type} with a size in PAX`,
      format,
      tar(pax([['size', '5']]), header({ type, linkname: 'x' })),
    ),
    refused(
      `type ${type} with a size that PAX takes back`,
      format,
      tar(pax([['size', '0']]), header({ type, linkname: 'x', size: 5 })),
    ),
  ]),
  // R13
  ...['0', '\0', '7'].flatMap((type) => [
    accepted(
      `type ${JSON.stringify(type)} with a slash behind its name is a directory`,
      tar(entry({ name: 'd/', type })),
      listed({ name: 'd/', type: 'directory' }),
    ),
    refused(
      `type ${JSON.stringify(type)}, a slash and a body`,
      format,
      tar(entry({ name: 'd/', type }, 'x')),
    ),
  ]),
  accepted(
    'the slash of a PAX path makes a directory',
    tar(pax([['path', 'long/']]), entry({ name: 'short' })),
    listed({ name: 'long/', type: 'directory' }),
  ),
  accepted(
    'and without it there is none',
    tar(pax([['path', 'long']]), entry({ name: 'short/' }, 'x')),
    listed({ name: 'long', body: 'x' }),
  ),
  accepted(
    'the slash of a long name of GNU tar, too',
    tar(long('L', 'long/\0'), entry({ name: 'short', magic: gnu })),
    listed({ name: 'long/', type: 'directory' }),
  ),
  accepted(
    'a symlink keeps its slash and its type',
    tar(entry({ name: 's/', type: '2', linkname: 't/' })),
    listed({ name: 's/', type: 'symlink', linkname: 't/' }),
  ),
  accepted(
    'a directory without a slash',
    tar(entry({ name: 'd', type: '5' })),
    listed({ name: 'd', type: 'directory' }),
  ),
]

const formats: Vector[] = [
  accepted('ustar: the prefix counts', tar(entry({ prefix: 'a/b', name: 'c' })), listed({ name: 'a/b/c' })),
  accepted(
    'ustar: prefix and name full to the last byte',
    tar(entry({ prefix: `${'p'.repeat(77)}/${'q'.repeat(77)}`, name: 'n'.repeat(100) }, 'x')),
    listed({ name: `${'p'.repeat(77)}/${'q'.repeat(77)}/${'n'.repeat(100)}`, body: 'x' }),
  ),
  accepted(
    'ustar: a prefix and no name',
    tar(entry({ prefix: 'a', name: '' })),
    listed({ name: 'a/', type: 'directory' }),
  ),
  accepted(
    'ustar: any version',
    tar(entry({ prefix: 'a', name: 'b', magic: 'ustar\0  ' })),
    listed({ name: 'a/b' }),
  ),
  accepted('GNU tar: no prefix', tar(entry({ prefix: 'a', name: 'b', magic: gnu })), listed({ name: 'b' })),
  // R12
  accepted(
    'before ustar: no prefix, no magic',
    tar(entry({ prefix: 'a', name: 'b', magic: v7 }, 'x')),
    listed({ name: 'b', body: 'x' }),
  ),
  accepted(
    'another magic is none',
    tar(entry({ prefix: 'a', name: 'b', magic: 'ustar 00' })),
    listed({ name: 'b' }),
  ),
  accepted(
    'before ustar: a directory by its slash',
    tar(entry({ name: 'd/', type: '\0', magic: v7 })),
    listed({ name: 'd/', type: 'directory' }),
  ),
  accepted(
    'before ustar: no fields for device numbers',
    tar(entry({ type: '3', magic: v7, major: 'rubbish', minor: 7 })),
    listed({ type: 'char' }),
  ),
  accepted(
    'GNU tar: device numbers',
    tar(entry({ type: '4', magic: gnu, major: 259, minor: 1048575 })),
    listed({ type: 'block', major: 259, minor: 1048575 }),
  ),
  accepted(
    'device numbers of what is none are not looked at',
    tar(entry({ major: 'rubbish', minor: 7 })),
    listed(),
  ),
  accepted(
    'owners and groups by name are not looked at',
    tar(header({ prefix: '', name: 'f' }), entry({ name: 'g', uid: 5, gid: 6 })),
    listed(),
    listed({ name: 'g', uid: 5, gid: 6 }),
  ),
]

const bodies: Vector[] = [0, 1, 511, 512, 513, 1024, 65_536, 70_001].map((size) => {
  const body = Buffer.alloc(size, 'abcdefg')
  return accepted(`a body of ${size} bytes`, tar(entry({}, body), other), listed({ body }), otherListed)
})

/** A body that looks like a header is a body. */
const disguised = entry({ name: 'hidden' }, 'hidden')

const ends: Vector[] = [
  accepted('nothing at all', Buffer.alloc(0)),
  accepted('nothing but an end', end),
  accepted('an end and padding', Buffer.concat([end, Buffer.alloc(9216)])),
  accepted('no end, at a boundary', entry({}, 'x'), listed({ body: 'x' })),
  accepted(
    'one block of zeros and the end of the file',
    Buffer.concat([other, Buffer.alloc(512)]),
    otherListed,
  ),
  // R3
  accepted(
    'entries behind the end are none',
    Buffer.concat([tar(other), tar(entry({ name: 'more' }))]),
    otherListed,
  ),
  accepted('rubbish behind the end', Buffer.concat([tar(other), Buffer.alloc(777, 'x')]), otherListed),
  refused('one block of zeros and more', format, Buffer.concat([other, Buffer.alloc(512), other])),
  refused(
    'one block of zeros and rubbish',
    format,
    Buffer.concat([other, Buffer.alloc(512), Buffer.alloc(512, 1)]),
  ),
  refused('cut within the end', truncated, Buffer.concat([other, Buffer.alloc(700)])),
  refused('cut within the first block of the end', truncated, Buffer.concat([other, Buffer.alloc(100)])),
  refused('cut within a header', truncated, Buffer.concat([other, header().subarray(0, 300)])),
  refused('a single byte', truncated, Buffer.from('x')),
  refused('cut before a body', truncated, header({ size: 5 })),
  refused('cut within a body', truncated, Buffer.concat([header({ size: 5 }), Buffer.from('abc')])),
  refused(
    'cut within a padding',
    truncated,
    Buffer.concat([header({ size: 5 }), Buffer.from('abcde'), Buffer.alloc(506)]),
  ),
  refused(
    'a huge size and hardly a body',
    truncated,
    Buffer.concat([header({ size: '77777777777\0' }), Buffer.alloc(512)]),
  ),
  refused('PAX, and the file ends', truncated, pax([['path', 'x']])),
  refused('a long name, and the file ends', truncated, long('L', 'x\0')),
  refused('a long link name, and the file ends', truncated, long('K', 'x\0')),
  refused('PAX cut short', truncated, pax([['path', 'x']]).subarray(0, 515)),
  refused('PAX, and the end marker', format, tar(other, pax([['path', 'x']]))),
  refused('an empty PAX header, and the end marker', format, tar(other, pax(''))),
  refused('a long name, and the end marker', format, tar(other, long('L', 'x\0'))),
  refused('a long link name, and the end marker', format, tar(other, long('K', 'x\0'))),
  accepted('a global header, and the end marker', tar(other, globalPax([['comment', 'x']])), otherListed),
  accepted(
    'a global header, and the file ends',
    Buffer.concat([other, globalPax([['comment', 'x']])]),
    otherListed,
  ),
  accepted(
    'an archive within an archive',
    tar(entry({ name: 'outer.tar' }, tar(disguised)), other),
    listed({ name: 'outer.tar', body: tar(disguised) }),
    otherListed,
  ),
  accepted(
    'padding may hold anything',
    tar(header({ size: 1 }), Buffer.alloc(512, 0xff), other),
    listed({ body: '\xff' }),
    otherListed,
  ),
]

const checksums: Vector[] = [
  refused(
    'a wrong checksum',
    format,
    tar(other, entry({ checksum: (sum) => `${(sum + 1).toString(8).padStart(6, '0')}\0 ` })),
  ),
  refused('no checksum', format, tar(entry({ checksum: () => '        ' }))),
  refused('a checksum of NULs', format, tar(entry({ checksum: () => '\0'.repeat(8) }))),
  ...Object.entries({
    'digits, NUL, blank': (sum: number) => `${sum.toString(8).padStart(6, '0')}\0 `,
    'digits, blank, NUL': (sum: number) => `${sum.toString(8).padStart(6, '0')} \0`,
    'blanks in front': (sum: number) => `${sum.toString(8).padStart(7, ' ')}\0`,
    'NULs in front': (sum: number) => sum.toString(8).padStart(8, '\0'),
    'seven digits and a NUL': (sum: number) => `${sum.toString(8).padStart(7, '0')}\0`,
    'eight digits': (sum: number) => sum.toString(8).padStart(8, '0'),
    'digits and nothing more': (sum: number) => sum.toString(8),
  }).map(([name, checksum]) => accepted(`checksum: ${name}`, tar(entry({ checksum })), listed())),
  refused(
    'a checksum with more behind it',
    format,
    tar(entry({ checksum: (sum) => `${sum.toString(8)}\0x` })),
  ),
  refused('a checksum with a gap', format, tar(entry({ checksum: (sum) => `0 ${sum.toString(8)}\0` }))),
  refused(
    'a signed checksum',
    format,
    tar(entry({ name: '\xff\xfe', checksum: (sum) => (sum - 512).toString(8) })),
  ),
]

/** What is found in a block first decides, so that all readers refuse alike. */
const order: Vector[] = [
  refused('an unknown type with a bad number', unsupported, tar(entry({ type: 'S', size: 'x' }))),
  refused('a wrong checksum of an unknown type', format, tar(entry({ type: 'S', checksum: () => '0' }))),
  refused(
    'a bad number and a name that is too long',
    format,
    tar(long('L', 'x'.repeat(300)), entry({ uid: 'x' })),
  ),
  refused('a fault behind a good entry', format, tar(other, entry({ size: 'x' }))),
]

export const framing: Vector[] = [...types, ...formats, ...bodies, ...ends, ...checksums, ...order]
