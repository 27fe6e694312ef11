// Archives that want to get out of the layer, or to bring down whoever reads them.
import { base256, directory, file, hardlink, header, long, pax, symlink } from '../../native/tarbytes.ts'

type Parts = (top: string) => Buffer[]

export interface Attack {
  name: string
  /** With the absolute path of the directory that holds `outside` and `layer`. */
  parts: Parts
  /** Codes of refusals; '' where it is unpacked, inside. */
  ends: string
}

const up = (top: string): string => `${'../'.repeat(20)}${top.slice(1)}`

export const attacks: readonly Attack[] = [
  {
    name: 'a link out, then a file through it',
    parts: () => [symlink('s', '../outside'), file('s/secret', 'x'), file('s/new', 'x')],
    ends: '',
  },
  {
    name: 'an absolute link, then a file through it',
    parts: (top) => [symlink('lv', `${top}/outside`), file('lv/secret', 'x', { mode: 0o777 })],
    ends: '',
  },
  {
    name: 'a link out, then a directory, a link, a device and a fifo through it',
    parts: (top) => [
      symlink('s', `${top}/outside`),
      directory('s/d', { mode: 0o777, uid: 5 }),
      symlink('s/link', 'x'),
      header({ name: 's/secret', type: '6' }),
      header({ name: 's/dev', type: '3', major: 1, minor: 3 }),
    ],
    ends: '',
  },
  {
    name: 'a hard link to what is outside',
    parts: (top) => [hardlink('h', `${top}/outside/secret`), file('h', 'x')],
    ends: 'ERR_ARCHIVE_LINK',
  },
  {
    name: 'a hard link upwards',
    parts: () => [hardlink('h', '../outside/secret'), file('h', 'x')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'a hard link relative to its directory',
    parts: () => [directory('sub'), hardlink('sub/x', '../secret')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'a hard link through links that climb',
    parts: () => [
      directory('a'),
      directory('a/b'),
      symlink('a/b/up', '../..'),
      symlink('a/b/escape', 'up/../../outside'),
      hardlink('exploit', 'a/b/escape/secret'),
    ],
    ends: 'ERR_ARCHIVE_LINK',
  },
  {
    name: 'a hard link to a symlink that leads out, with a mode',
    parts: (top) => [
      symlink('s', `${top}/outside/secret`),
      hardlink('hl', 's', { mode: 0o777, uid: 9 }),
      file('hl', 'over', { mode: 0o777 }),
    ],
    ends: '',
  },
  {
    name: 'a hard link to a link, then written to',
    parts: (top) => [symlink('s', `${top}/outside/secret`), hardlink('hl', 's'), file('s', 'over')],
    ends: '',
  },
  {
    name: 'a way that was cached, and then is a link',
    parts: (top) => [
      directory('foo'),
      directory('foo/tmp'),
      file('foo/tmp/file', 'x'),
      symlink('foo', top),
      file('foo/tmp/x', 'x'),
      file('foo/outside/secret', 'x'),
    ],
    ends: '',
  },
  {
    name: 'the same through a link that changes',
    parts: (top) => [
      directory('a'),
      directory('a/outside'),
      symlink('s', 'a'),
      file('s/outside/x', '1'),
      symlink('s', top),
      file('s/outside/secret', '2'),
    ],
    ends: '',
  },
  {
    name: 'names upwards',
    parts: () => [file('../outside/secret', 'x')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'names upwards, deeper',
    parts: () => [file('a/../../outside/secret', 'x')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'names upwards after slashes',
    parts: () => [file('/../../outside/x', 'x')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'names upwards at the end',
    parts: () => [directory('a/..', { mode: 0 })],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'absolute names',
    parts: (top) => [file(`////${top}/outside/secret`, 'x'), file(`/.${top}/outside/new`, 'x')],
    ends: '',
  },
  {
    name: 'a neighbour with the same beginning',
    parts: () => [symlink('e', '../layer-evil'), file('e/secret', 'x'), file('../layer-evil/secret', 'x')],
    ends: 'ERR_ARCHIVE_PATH',
  },
  {
    name: 'the root as a link',
    parts: () => [symlink('./', '../outside'), symlink('.', '../outside'), file('secret', 'x')],
    ends: '',
  },
  {
    name: 'the root as a hard link, and its mode',
    parts: () => [hardlink('/', '../outside/secret'), directory('/', { mode: 0o700 }), file('secret', 'x')],
    ends: '',
  },
  {
    name: 'a whiteout through a link',
    parts: (top) => [
      symlink('lv', `${top}/outside`),
      file('lv/.wh.secret'),
      file('lv/.wh.d'),
      file('lv/d/.wh..wh..opq'),
      file('lv/.wh..wh..opq'),
    ],
    ends: '',
  },
  {
    name: 'a whiteout of a link that leads out',
    parts: () => [symlink('s', '../outside'), file('.wh.s'), file('s/.wh..wh..opq'), directory('s')],
    ends: '',
  },
  { name: 'a whiteout upwards', parts: () => [file('../.wh.outside')], ends: 'ERR_ARCHIVE_PATH' },
  { name: 'a whiteout of ..', parts: () => [file('.wh...')], ends: 'ERR_ARCHIVE_WHITEOUT' },
  {
    name: 'a whiteout of .',
    parts: () => [directory('etc'), file('etc/.wh..')],
    ends: 'ERR_ARCHIVE_WHITEOUT',
  },
  {
    name: 'times of a directory that became a link',
    parts: (top) => [
      directory('d', { mtime: 1 }),
      symlink('d', `${top}/outside/d`),
      directory('e', { mtime: 2 }),
    ],
    ends: '',
  },
  {
    name: 'a directory over a link that leads to one',
    parts: (top) => [symlink('d', `${top}/outside/d`), directory('d', { mode: 0o777, uid: 3, mtime: 1 })],
    ends: '',
  },
  {
    name: 'a directory with a slash over such a link',
    parts: (top) => [symlink('d', `${top}/outside/d`), directory('d//', { mode: 0o777, uid: 3, mtime: 1 })],
    ends: '',
  },
  {
    name: 'a replacement of a directory that holds links out',
    parts: (top) => [
      directory('d'),
      symlink('d/out', `${top}/outside`),
      symlink('d/up', '../../outside'),
      file('d', 'x'),
    ],
    ends: '',
  },
  {
    name: 'a link chain through what is made on the way',
    parts: (top) => [
      symlink('a', 'b'),
      symlink('b', `${up(top)}/outside`),
      file('a/secret', 'x'),
      file('a/n/m', 'x'),
    ],
    ends: '',
  },
  {
    name: 'a dangling link on the way',
    parts: (top) => [
      symlink('lv', '/victim'),
      file('lv/file', 'x'),
      symlink('w', `${top}/outside/none`),
      file('w/f', 'x'),
    ],
    ends: '',
  },
  {
    name: 'a magic link',
    parts: (top) => [symlink('m', '/proc/self/root'), file(`m${top}/outside/secret`, 'x')],
    ends: '',
  },
  {
    name: 'attributes that unions obey',
    parts: () => [
      pax({
        'SCHILY.xattr.trusted.overlay.redirect': '/../../etc',
        'SCHILY.xattr.trusted.overlay.opaque': 'y',
      }),
      directory('d'),
    ],
    ends: '',
  },
  {
    name: 'an attribute through a link',
    parts: (top) => [
      symlink('s', `${top}/outside/secret`),
      pax({ 'SCHILY.xattr.trusted.evil': '1' }),
      symlink('s', `${top}/outside/secret`),
    ],
    ends: '',
  },
  {
    name: 'devices that Linux cannot have',
    parts: () => [header({ name: 'x', type: '3', major: 4096, minor: 1 })],
    ends: 'ERR_ARCHIVE_UNSUPPORTED',
  },
  {
    name: 'a minor number that would be cut',
    parts: () => [header({ name: 'x', type: '4', major: 1, minor: base256(1n << 20n, 8) })],
    ends: 'ERR_ARCHIVE_UNSUPPORTED',
  },
  {
    name: 'a negative device number',
    parts: () => [header({ name: 'x', type: '4', major: base256(-1n, 8), minor: 1 })],
    ends: 'ERR_ARCHIVE_FORMAT',
  },
  {
    name: 'a whiteout as device',
    parts: () => [header({ name: 'x', type: '3' })],
    ends: 'ERR_ARCHIVE_WHITEOUT',
  },
  {
    name: 'a path of 100,000 directories',
    parts: () => [pax({ path: 'd/'.repeat(100_000) }), file('x')],
    ends: 'ERR_ARCHIVE_LIMIT',
  },
  {
    name: 'a path of as many directories as there may be',
    parts: () => [long('L', 'd/'.repeat(2047)), directory('x')],
    ends: '',
  },
  {
    name: 'a size of another entry for a long name',
    parts: () => [pax({ size: '10000' }), long('L', 'name'), file('x', 'y')],
    ends: 'ERR_ARCHIVE_TRUNCATED',
  },
  { name: 'NUL in a path', parts: () => [pax({ path: 'a\0b' }), file('x')], ends: 'ERR_ARCHIVE_FORMAT' },
  {
    name: 'a negative size',
    parts: () => [header({ name: 'x', size: base256(-1n, 12) })],
    ends: 'ERR_ARCHIVE_FORMAT',
  },
  { name: 'a name of digits', parts: () => [pax({ path: '12345' }), file('x')], ends: '' },
  { name: 'a drive', parts: () => [file('C:../x', ''), file('C:\\..\\x', '')], ends: '' },
  {
    name: 'names that fold to one elsewhere',
    parts: () => [
      file('\xef\xac\x81', '1'),
      file('fi', '2'),
      directory('D'),
      symlink('d', '/'),
      file('D/x', ''),
    ],
    ends: '',
  },
]
