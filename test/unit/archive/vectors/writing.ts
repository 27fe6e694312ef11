// What is written, to the byte: every sentence of the form that the native writer has too (W1 to W8, W10).
import type { TarEntryInput } from '#lib/archive/from-entries.js'
import { base256, bytesOf, entry, header, listed, pax, tar } from './build.ts'
import type { HeaderFields, Listed, Records, Vector } from './build.ts'

/** A tar, and the entries that it is written from. */
export interface Written extends Vector {
  entries: TarEntryInput[]
}

const billion = 1_000_000_000n
const mostSize = 0o77777777777

type Said = Omit<Parameters<typeof listed>[0] & object, 'type'> & { type?: Listed['type'] }

/**
 * @param said the entry, as it is given and as it is listed
 * @param fields its header, where that is no other than the entry says
 * @param records of the PAX header before it, if there is one
 */
function written(name: string, said: Said, fields: HeaderFields, records?: Records): Written {
  const entryListed = listed(said)
  const { body, ...head } = entryListed
  const before = records === undefined ? [] : [pax(records, { mode: 0o644 })]
  return {
    name,
    entries: [{ ...head, body }],
    bytes: tar(...before, entry(fields, body)),
    list: [entryListed],
  }
}

const types: Written[] = [
  written('a file', { name: 'f', body: 'hello' }, { name: 'f' }),
  written('an empty file', { name: 'f' }, { name: 'f' }),
  written('a file of one block', { body: 'x'.repeat(512) }, {}),
  written('a hard link', { type: 'link', linkname: 'a/b' }, { type: '1', linkname: 'a/b' }),
  written(
    'a symlink',
    { type: 'symlink', mode: 0o777, linkname: '../x' },
    { type: '2', mode: 0o777, linkname: '../x' },
  ),
  // W3
  written(
    'a character device',
    { type: 'char', major: 4095, minor: 1048575 },
    { type: '3', major: '0007777\0', minor: '3777777\0' },
  ),
  written(
    'a block device',
    { type: 'block', major: 8, minor: 17 },
    { type: '4', major: '0000010\0', minor: '0000021\0' },
  ),
  written(
    'the largest device numbers',
    { type: 'char', major: 0o7777777, minor: 0o7777777 },
    { type: '3', major: '7777777\0', minor: '7777777\0' },
  ),
  written('no device: numbers of zeros', {}, { major: '0000000\0', minor: '0000000\0' }),
  // W7
  written(
    'a directory',
    { name: 'd/', type: 'directory', mode: 0o755 },
    { name: 'd/', type: '5', mode: '0000755\0' },
  ),
  {
    name: 'a directory without its slash',
    entries: [{ name: 'd', type: 'directory' }],
    bytes: tar(entry({ name: 'd/', type: '5', mode: 0o755 })),
    list: [listed({ name: 'd/', type: 'directory', mode: 0o755 })],
  },
  written('a fifo', { type: 'fifo' }, { type: '6' }),
  written('a whiteout', { name: 'd/.wh.f', mode: 0 }, { name: 'd/.wh.f', mode: '0000000\0' }),
  written(
    'an opaque marker',
    { name: 'd/.wh..wh..opq', mode: 0 },
    { name: 'd/.wh..wh..opq', mode: '0000000\0' },
  ),
  {
    name: 'nothing but the end: two blocks of zeros',
    entries: [],
    bytes: Buffer.alloc(1024),
    list: [],
  },
  {
    name: 'what is not said',
    entries: [
      { name: 'f', type: 'file' },
      { name: 'd/', type: 'directory' },
    ],
    bytes: tar(entry({ name: 'f', mode: 0o644 }), entry({ name: 'd/', type: '5', mode: 0o755 })),
    list: [listed({ name: 'f' }), listed({ name: 'd/', type: 'directory', mode: 0o755 })],
  },
]

const numbers: Written[] = [
  // W1
  written('mode 0', { mode: 0 }, { mode: '0000000\0' }),
  written('mode 7777', { mode: 0o7777 }, { mode: '0007777\0' }),
  // W2
  written(
    'the largest octal uid and gid',
    { uid: 2097151, gid: 2097151 },
    { uid: '7777777\0', gid: '7777777\0' },
  ),
  written('uid 262144', { uid: 262144 }, { uid: '1000000\0' }),
  written('a larger uid', { uid: 2097152 }, { uid: '7777777\0' }, [['uid', '2097152']]),
  written('a larger gid', { gid: 4294967294 }, { gid: '7777777\0' }, [['gid', '4294967294']]),
  written('both', { uid: 3000000000, gid: 3000000001 }, { uid: '7777777\0', gid: '7777777\0' }, [
    ['uid', '3000000000'],
    ['gid', '3000000001'],
  ]),
  // W4
  written('a time', { mtime: 1_700_000_000n * billion }, { mtime: '14524770400\0' }),
  written('a second before 1970', { mtime: -billion }, { mtime: '00000000000\0' }, [['mtime', '-1']]),
  written('a nanosecond before 1970', { mtime: -1n }, { mtime: '00000000000\0' }, [
    ['mtime', '-0.000000001'],
  ]),
  written('1.25 s before 1970', { mtime: -1_250_000_000n }, { mtime: '00000000000\0' }, [['mtime', '-1.25']]),
  written('after 2038', { mtime: 3_000_000_000n * billion }, { mtime: '26264057000\0' }),
  written('nanoseconds', { mtime: 1_123_456_789n }, { mtime: '00000000001\0' }, [['mtime', '1.123456789']]),
  written('a fraction without its zeros', { mtime: 5_120_000_000n }, { mtime: '00000000005\0' }, [
    ['mtime', '5.12'],
  ]),
  written('the largest octal time', { mtime: 8_589_934_591n * billion }, { mtime: '77777777777\0' }),
  written('a second later', { mtime: 8_589_934_592n * billion }, { mtime: '77777777777\0' }, [
    ['mtime', '8589934592'],
  ]),
  written('the last nanosecond of 64 bits', { mtime: 2n ** 63n - 1n }, { mtime: '77777777777\0' }, [
    ['mtime', '9223372036.854775807'],
  ]),
  written('the first nanosecond of 64 bits', { mtime: -(2n ** 63n) }, { mtime: '00000000000\0' }, [
    ['mtime', '-9223372036.854775808'],
  ]),
  written('in 2300', { mtime: 10_413_792_000_500_000_000n }, { mtime: '77777777777\0' }, [
    ['mtime', '10413792000.5'],
  ]),
  written('the last second', { mtime: (2n ** 63n - 1n) * billion }, { mtime: '77777777777\0' }, [
    ['mtime', '9223372036854775807'],
  ]),
  written('the first second', { mtime: -(2n ** 63n) * billion }, { mtime: '00000000000\0' }, [
    ['mtime', '-9223372036854775808'],
  ]),
]

const hundred = 'n'.repeat(100)
const accented = Buffer.from('é')
const notText = '\xff'

const names: Written[] = [
  written('a name of 100 bytes', { name: hundred }, { name: hundred }),
  written('a name with control characters', { name: 'a\nb\x7f' }, { name: 'a\nb\x7f' }),
  written('a name of 101 bytes and no slash', { name: `${hundred}x` }, { name: hundred }, [
    ['path', `${hundred}x`],
  ]),
  written('a prefix', { name: `p/${hundred}` }, { prefix: 'p', name: hundred }),
  written(
    'the first slash that will do, not the last',
    { name: `a/b/c/${'n'.repeat(96)}` },
    { prefix: 'a', name: `b/c/${'n'.repeat(96)}` },
  ),
  written(
    'the first slash is too early',
    { name: `a/b/${'n'.repeat(99)}` },
    { prefix: 'a/b', name: 'n'.repeat(99) },
  ),
  written(
    'prefix and name full',
    { name: `${'p'.repeat(155)}/${hundred}` },
    { prefix: 'p'.repeat(155), name: hundred },
  ),
  written(
    'a prefix of 156 bytes is none',
    { name: `${'p'.repeat(156)}/${hundred}` },
    { name: 'p'.repeat(100) },
    [['path', `${'p'.repeat(156)}/${hundred}`]],
  ),
  written(
    'the slash behind a directory divides nothing',
    { name: `${hundred}/`, type: 'directory' },
    { name: hundred, type: '5' },
    [['path', `${hundred}/`]],
  ),
  written(
    'a directory with a prefix',
    { name: `d/${'n'.repeat(99)}/`, type: 'directory' },
    { prefix: 'd', name: `${'n'.repeat(99)}/`, type: '5' },
  ),
  written('a slash in front divides nothing', { name: `/${hundred}` }, { name: `/${'n'.repeat(99)}` }, [
    ['path', `/${hundred}`],
  ]),
  // W5
  written('text that is not ASCII', { name: accented }, { name: accented }, [['path', accented]]),
  written(
    'long text that is not ASCII',
    { name: Buffer.concat([Buffer.from('d/'), Buffer.from('é'.repeat(100))]) },
    { name: Buffer.concat([Buffer.from('d/'), Buffer.from('é'.repeat(49))]) },
    [['path', Buffer.from(`d/${'é'.repeat(100)}`)]],
  ),
  // W6
  written('bytes that are no text', { name: `a${notText}` }, { name: `a${notText}` }),
  written('100 bytes that are no text', { name: notText.repeat(100) }, { name: notText.repeat(100) }),
  written('101 bytes that are no text', { name: notText.repeat(101) }, { name: notText.repeat(100) }, [
    ['path', notText.repeat(101)],
  ]),
  written(
    'a slash does not divide what is not ASCII',
    { name: `d/${notText.repeat(100)}` },
    { name: `d/${notText.repeat(98)}` },
    [['path', `d/${notText.repeat(100)}`]],
  ),
  ...(['\xc0\xaf', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xe2\x82'] as const).map((name) =>
    written(`no text: ${JSON.stringify(name)}`, { name }, { name }),
  ),
  written('a link name of 100 bytes', { type: 'link', linkname: hundred }, { type: '1', linkname: hundred }),
  written(
    'a link name of 101 bytes',
    { type: 'symlink', linkname: `a/${hundred}` },
    { type: '2', linkname: `a/${'n'.repeat(98)}` },
    [['linkpath', `a/${hundred}`]],
  ),
  written(
    'a link name that is not ASCII',
    { type: 'link', linkname: accented },
    { type: '1', linkname: accented },
    [['linkpath', accented]],
  ),
  written(
    'a link name that is no text',
    { type: 'symlink', linkname: notText },
    { type: '2', linkname: notText },
  ),
  written(
    'a long link name that is no text',
    { type: 'symlink', linkname: notText.repeat(101) },
    { type: '2', linkname: notText.repeat(100) },
    [['linkpath', notText.repeat(101)]],
  ),
]

const capability = Buffer.from('0100000280000000000000000000000000000000', 'hex')
const key = (name: string): string => `SCHILY.xattr.${name}`
const mapOf = (pairs: [string, string | Buffer][]): Map<string, Buffer> =>
  new Map(pairs.map(([name, value]) => [name, bytesOf(value)]))

const records: Written[] = [
  // W5
  written('bytes from 0x80 on', { xattrs: mapOf([['security.capability', capability]]) }, {}, [
    [key('security.capability'), capability],
  ]),
  written(
    'attributes by the bytes of their names',
    {
      xattrs: mapOf([
        ['user.b', '1'],
        ['user.\xff', '2'],
        ['user.a', '3'],
        ['security.x', '4'],
        ['user.B', '5'],
      ]),
    },
    {},
    [
      [key('security.x'), '4'],
      [key('user.B'), '5'],
      [key('user.a'), '3'],
      [key('user.b'), '1'],
      [key('user.\xff'), '2'],
    ],
  ),
  written('an empty attribute', { xattrs: mapOf([['user.x', '']]) }, {}, [[key('user.x'), '']]),
  written('"=" and "%" in an attribute\'s name', { xattrs: mapOf([['user.a=b%3D', 'x']]) }, {}, [
    [key('user.a%3Db%253D'), 'x'],
  ]),
  written(
    'sorted before "=" and "%" are coded',
    {
      xattrs: mapOf([
        ['user.a=', '1'],
        ['user.a0', '2'],
        ['user.a$', '3'],
      ]),
    },
    {},
    [
      [key('user.a$'), '3'],
      [key('user.a0'), '2'],
      [key('user.a%3D'), '1'],
    ],
  ),
  // W8
  written(
    'all records, in their order',
    {
      name: `${hundred}x`,
      type: 'symlink',
      linkname: `${hundred}y`,
      uid: 3000000000,
      gid: 3000000001,
      mtime: -500_000_000n,
      xattrs: mapOf([['user.x', 'z']]),
    },
    {
      name: hundred,
      type: '2',
      linkname: hundred,
      uid: '7777777\0',
      gid: '7777777\0',
      mtime: '00000000000\0',
    },
    [
      ['path', `${hundred}x`],
      ['linkpath', `${hundred}y`],
      ['uid', '3000000000'],
      ['gid', '3000000001'],
      ['mtime', '-0.5'],
      [key('user.x'), 'z'],
    ],
  ),
  // A record that counts its own digits: 99 bytes and 101, never 100.
  ...[80, 81, 82, 83, 84, 85].map((size) =>
    written(`a value of ${size} bytes`, { xattrs: mapOf([['u', 'v'.repeat(size)]]) }, {}, [
      [key('u'), 'v'.repeat(size)],
    ]),
  ),
  written('records of a whole block', { xattrs: mapOf([['u', 'v'.repeat(512 - 4 - 16)]]) }, {}, [
    [key('u'), 'v'.repeat(512 - 4 - 16)],
  ]),
]

export const writings: readonly Written[] = [...types, ...numbers, ...names, ...records]

/** Headers of files whose bodies are too large for a test: the first blocks of the tar only. */
export const large: readonly { name: string; size: number; bytes: Buffer }[] = [
  { name: 'the largest octal size', size: mostSize, bytes: header({ size: '77777777777\0' }) },
  {
    name: 'a larger size: PAX, and base-256',
    size: mostSize + 1,
    bytes: Buffer.concat([pax([['size', '8589934592']]), header({ size: base256(8589934592n, 12) })]),
  },
  {
    name: 'the largest size',
    size: Number.MAX_SAFE_INTEGER,
    bytes: Buffer.concat([
      pax([['size', '9007199254740991']]),
      header({ size: base256(9007199254740991n, 12) }),
    ]),
  },
]
