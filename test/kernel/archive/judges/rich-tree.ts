import { isUtf8 } from 'node:buffer'
import { type Bytes, toBuffer, utf8 } from './bytes.ts'
import type { Plant } from './plant.ts'
import { xattrs } from './rich-xattrs.ts'

const SECOND = 1_000_000_000n
const bytes = (text: string): Buffer => Buffer.from(text)

/** Every kind of file, and devices whose numbers take all bits that Linux has for them. */
function kinds(): Plant[] {
  return [
    { path: 'kinds', kind: 'directory' },
    { path: 'kinds/file', kind: 'file', content: bytes('a file\n') },
    { path: 'kinds/empty', kind: 'file' },
    { path: 'kinds/empty directory', kind: 'directory' },
    { path: 'kinds/fifo', kind: 'fifo' },
    { path: 'kinds/socket', kind: 'socket' },
    { path: 'kinds/null', kind: 'char', mode: 0o666, major: 1, minor: 3 },
    { path: 'kinds/disk', kind: 'block', mode: 0o660, gid: 6, major: 8, minor: 1 },
    { path: 'kinds/largest-char', kind: 'char', mode: 0o600, major: 4095, minor: 1048575 },
    { path: 'kinds/largest-block', kind: 'block', mode: 0o600, major: 4095, minor: 1048575 },
    { path: 'kinds/relative', kind: 'symlink', target: 'file' },
    { path: 'kinds/absolute', kind: 'symlink', target: '/etc/passwd' },
    { path: 'kinds/dangling', kind: 'symlink', target: '../nowhere/at all' },
    { path: 'kinds/to-directory', kind: 'symlink', target: 'empty directory/' },
    { path: 'kinds/loop', kind: 'symlink', target: 'loop' },
    { path: 'kinds/target-of-100', kind: 'symlink', target: 't'.repeat(100) },
    { path: 'kinds/target-of-101', kind: 'symlink', target: 't'.repeat(101) },
    { path: 'kinds/target-of-4000', kind: 'symlink', target: 'target/'.repeat(571) + 'end' },
    { path: 'kinds/target-utf8', kind: 'symlink', target: utf8('größe/目標') },
    { path: 'kinds/target-no-utf8', kind: 'symlink', target: 'to \xff\xfe\x80' },
    { path: 'kinds/target-no-utf8-of-101', kind: 'symlink', target: '\xff'.repeat(101) },
    { path: 'kinds/target-newline', kind: 'symlink', target: 'two\nlines' },
  ]
}

/** Modes that tools drop or widen, each on a file and on a directory. */
function modes(): Plant[] {
  const all = [0, 0o1, 0o400, 0o444, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777]
  const both = all.flatMap((mode): Plant[] => [
    { path: `modes/file-${mode.toString(8)}`, kind: 'file', mode, content: bytes(`${mode}\n`) },
    { path: `modes/directory-${mode.toString(8)}`, kind: 'directory', mode },
    { path: `modes/directory-${mode.toString(8)}/inside`, kind: 'file', content: bytes('inside') },
  ])
  // The kernel takes these bits away when the owner changes: an order of calls that is wrong shows.
  const owned: Plant = { path: 'modes/owned-6755', kind: 'file', mode: 0o6755, uid: 1000, gid: 1001 }
  return [{ path: 'modes', kind: 'directory' }, ...both, owned]
}

/** Owners on both sides of what the octal fields of a header hold (2^21), and the largest that there is. */
function owners(): Plant[] {
  const ids = [1, 65534, 2097151, 2097152, 2147483647, 2147483648, 4294967294]
  return [
    { path: 'owners', kind: 'directory' },
    ...ids.flatMap((id): Plant[] => [
      { path: `owners/user-${id}`, kind: 'file', uid: id, content: bytes('of a user') },
      { path: `owners/group-${id}`, kind: 'directory', gid: id },
      { path: `owners/link-${id}`, kind: 'symlink', uid: id, gid: id, target: 'nowhere' },
    ]),
  ]
}

/** Times before 1970, after 2038 and after 2242 (33 bits, the most of an octal field), with and without nanoseconds. */
function times(): Plant[] {
  const all: [name: string, mtime: bigint][] = [
    ['zero', 0n],
    ['one-nanosecond', 1n],
    ['last-nanosecond', 999_999_999n],
    ['tenth', 1_700_000_000n * SECOND + 100_000_000n],
    ['nanoseconds', 1_700_000_000n * SECOND + 123_456_789n],
    ['before-1970', -1n * SECOND],
    ['before-1970-nanosecond', -1n],
    ['before-1970-half', -86_400n * SECOND + 500_000_000n],
    ['in-1902', -2_145_916_800n * SECOND],
    ['last-of-31-bits', 2_147_483_647n * SECOND],
    ['after-2038', 2_147_483_648n * SECOND + 5n],
    ['in-2107', 4_323_456_789n * SECOND],
    ['last-of-33-bits', 8_589_934_591n * SECOND + 999_999_999n],
    ['after-2242', 8_589_934_592n * SECOND],
    ['last-of-64-bits', 9_223_372_036_854_775_807n],
  ]
  return [
    { path: 'times', kind: 'directory' },
    ...all.flatMap(([name, mtime]): Plant[] => [
      { path: `times/${name}`, kind: 'file', mtime, content: bytes(name) },
      { path: `times/${name}.directory`, kind: 'directory', mtime },
      { path: `times/${name}.link`, kind: 'symlink', mtime, target: name },
    ]),
  ]
}

/** Names that programs take for something else. */
function names(): Plant[] {
  const all: Bytes[] = [
    '-rf',
    '--help',
    '-',
    '.hidden',
    '...',
    '..x',
    '.wx',
    ' leading space',
    'trailing space ',
    'dot.',
    'two\nlines',
    '\nnewline first',
    'newline last\n',
    'tab\there',
    'return\r',
    'back\\slash',
    '\\n',
    'quote"s and \'',
    'st*r [a-z]? {a,b}',
    'colon:comma,equals=',
    '%41',
    '~',
    '#comment',
    '@archive',
    'C:drive',
    '\x01\x02\x1b[31m',
    '\x7f',
    'PaxHeader',
    '@LongLink',
    '12345',
  ]
  const encoded: Bytes[] = [
    utf8('größe'),
    utf8('e\u0301 apart'),
    utf8('é as one'),
    utf8('名前'),
    utf8('😀'),
    utf8('\u202eright to left'),
    utf8('\u2028line'),
    '\xff',
    '\xfe\xff',
    'latin1 gr\xf6\xdfe',
    'cut short \xe2\x82',
    'overlong \xc0\xaf',
    'surrogate \xed\xa0\x80',
    'a'.repeat(255),
    utf8('€').repeat(85),
    '\x80'.repeat(255),
  ]
  return [
    { path: 'names', kind: 'directory' },
    ...[...all, ...encoded].map((name): Plant => ({
      path: `names/${name}`,
      kind: 'file',
      content: Buffer.from(name, 'latin1'),
    })),
    { path: utf8('names/größere'), kind: 'directory' },
    { path: utf8('names/größere/datei'), kind: 'file' },
    { path: 'names/\xff directory', kind: 'directory' },
    { path: 'names/\xff directory/\xfe', kind: 'file' },
  ]
}

/** A file whose path has so many bytes, in directories whose names have at most 200, and these. */
function deep(top: Bytes, size: number, letter: string): Plant[] {
  const plants: Plant[] = [{ path: top, kind: 'directory' }]
  let path = top
  while (size - path.length > 220) {
    path += `/${letter.repeat(200)}`
    plants.push({ path, kind: 'directory' })
  }
  const name = 'f'.repeat(size - path.length - 1)
  return [...plants, { path: `${path}/${name}`, kind: 'file', content: bytes('far away') }]
}

/** Paths round what the header's fields hold, 100 bytes of name after 155 of prefix, and up to the longest that there is. */
function paths(longest: number): Plant[] {
  const padded = (size: number): Bytes => `paths/${'p'.repeat(size - 'paths/'.length)}`
  const files = [99, 100, 101, 155].map((size): Plant => ({
    path: padded(size),
    kind: 'file',
    content: bytes('far'),
  }))
  const prefixes = [154, 156, 157].flatMap((size): Plant[] => [
    { path: padded(size), kind: 'directory' },
    ...[98, 99, 100, 101].flatMap((name): Plant[] => [
      { path: `${padded(size)}/${'f'.repeat(name)}`, kind: 'file', content: bytes('far') },
      { path: `${padded(size)}/${'d'.repeat(name)}`, kind: 'directory' },
    ]),
  ])
  return [
    { path: 'paths', kind: 'directory' },
    ...files,
    ...prefixes,
    ...deep('paths/long', longest, 'd'),
    ...deep('paths/\xff', 600, '\xfe'),
    ...deep(utf8('paths/ä'), 601, 'd'),
  ]
}

/** Several names of one file: across directories, of other kinds than files, with long names, and with a target beyond 100 bytes. */
function links(): Plant[] {
  const far = `links/${'x'.repeat(120)}`
  return [
    { path: 'links', kind: 'directory' },
    { path: 'links/b', kind: 'file', mode: 0o4755, uid: 1000, content: bytes('three names'), mtime: 77n },
    { path: 'links/a', kind: 'link', target: 'links/b' },
    { path: 'links/z', kind: 'directory' },
    { path: 'links/z/c', kind: 'link', target: 'links/b' },
    { path: 'links/empty', kind: 'file' },
    { path: 'links/empty-again', kind: 'link', target: 'links/empty' },
    { path: 'links/symlink', kind: 'symlink', target: 'b' },
    { path: 'links/symlink-again', kind: 'link', target: 'links/symlink' },
    { path: 'links/null', kind: 'char', major: 1, minor: 3 },
    { path: 'links/null-again', kind: 'link', target: 'links/null' },
    { path: 'links/fifo', kind: 'fifo' },
    { path: 'links/fifo-again', kind: 'link', target: 'links/fifo' },
    { path: far, kind: 'file', content: bytes('its name is long'), xattrs: { 'user.x': bytes('y') } },
    { path: 'links/y-near', kind: 'link', target: far },
    { path: 'links/\xff', kind: 'file', content: bytes('its name is no text') },
    { path: 'links/\xff again', kind: 'link', target: 'links/\xff' },
    { path: `links/${'\xfe'.repeat(120)}`, kind: 'file', content: bytes('its name is long, and no text') },
    { path: 'links/\xfe', kind: 'link', target: `links/${'\xfe'.repeat(120)}` },
    { path: utf8('links/größe'), kind: 'file', content: bytes('its name is UTF-8') },
    { path: utf8('links/größe-again'), kind: 'link', target: utf8('links/größe') },
  ]
}

/** Sizes round the blocks of a tar and of the packer's buffers, and files with holes. */
function contents(): Plant[] {
  const MiB = 1 << 20
  const pattern = (size: number): Uint8Array =>
    Uint8Array.from({ length: size }, (_, at) => at * 31 + (at >> 9))
  const sizes = [1, 511, 512, 513, 1023, 1024, 4096, 65535, 65536, 65537, MiB - 1, MiB, MiB + 1, 3 * MiB + 7]
  return [
    { path: 'contents', kind: 'directory' },
    ...sizes.map((size): Plant => ({ path: `contents/size-${size}`, kind: 'file', content: pattern(size) })),
    { path: 'contents/hole-first', kind: 'file', hole: 2 * MiB, content: bytes('after a hole') },
    { path: 'contents/hole-last', kind: 'file', content: bytes('before a hole'), size: 2 * MiB + 5 },
    { path: 'contents/only-hole', kind: 'file', size: 3 * MiB },
    { path: 'contents/zeros', kind: 'file', content: Buffer.alloc(1024) },
    { path: 'contents/looks-like-the-end', kind: 'file', content: Buffer.alloc(2048) },
  ]
}

/**
 * A tree with everything that a layer may hold, its root aside.
 *
 * @param longest bytes of the longest path: the kernel takes 4095; programs that put a directory before it take less.
 */
export function richTree(longest = 4095): Plant[] {
  return [
    ...kinds(),
    ...modes(),
    ...owners(),
    ...times(),
    ...names(),
    ...paths(longest),
    ...xattrs(),
    ...links(),
    ...contents(),
  ]
}

/** Whether an entry has a path or a target that is no UTF-8 and too long for a header: not every program reads these. */
export function isWild({ path, target = '' }: Plant): boolean {
  return [path, target].some((bytes) => bytes.length > 100 && !isUtf8(toBuffer(bytes)))
}
