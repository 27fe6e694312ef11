// What PAX records say of times, and of extended attributes (R7, R8).
import { accepted, bytesOf, entry, listed, pax, tar } from './build.ts'
import type { Vector } from './build.ts'
import { bad, good } from './records.ts'

const billion = 1_000_000_000n

const xattr = (name: string): string => `SCHILY.xattr.${name}`
const map = (pairs: [string, string | Buffer][]): Map<string, Buffer> =>
  new Map(pairs.map(([name, value]) => [name, bytesOf(value)]))

const times: Vector[] = [
  ...(
    [
      ['0', 0n],
      ['1', billion],
      ['1.', billion],
      ['1.5', 1_500_000_000n],
      ['1.000000001', 1_000_000_001n],
      ['1.0000000019', 1_000_000_001n],
      ['0001.25', 1_250_000_000n],
      ['-1', -billion],
      ['-0', 0n],
      ['-0.5', -500_000_000n],
      ['-1.25', -1_250_000_000n],
      ['-1.0000000001', -1_000_000_001n],
      ['-0.0000000000', 0n],
      ['-0.00000000001', -1n],
      ['1.99999999999', 1_999_999_999n],
      ['9223372036.854775807', 2n ** 63n - 1n],
      ['9223372036.8547758079', 2n ** 63n - 1n],
      ['-9223372036.854775808', -(2n ** 63n)],
      ['9223372036.854775808', 2n ** 63n],
      ['-9223372036.8547758081', -(2n ** 63n) - 1n],
      ['10413792000.5', 10_413_792_000_500_000_000n],
      ['-62135596800', -62_135_596_800n * billion],
      ['9223372036854775807.9999999999', 2n ** 63n * billion - 1n],
      ['-9223372036854775808', -(2n ** 63n) * billion],
      ['-9223372036854775808.000', -(2n ** 63n) * billion],
      ['-9223372036854775807.9999999999', -(2n ** 63n) * billion],
      ['-1.999999999999', -2n * billion],
      ['00000000000000000000001', billion],
    ] as const
  ).map(([text, mtime]) => good(`mtime ${text}`, [['mtime', text]], { mtime })),
  ...[
    '.5',
    '-',
    '-.5',
    '+1',
    '1e5',
    '0x1',
    '1,5',
    ' 1',
    '1 ',
    '1.5.5',
    '1.-5',
    '--1',
    'NaN',
    '1\n',
    '\0',
  ].map((text) => bad(`mtime ${JSON.stringify(text)}`, [['mtime', text]])),
  ...[
    '9223372036854775808',
    '-9223372036854775809',
    '-9223372036854775808.0000000001',
    '-9223372036854775808.1',
    '18446744073709551616',
    '36893488147419103232',
    '9'.repeat(40),
    `${'9'.repeat(100_000)}.5`,
  ].map((text) =>
    bad(`mtime ${text.slice(0, 40)} (${text.length} characters), out of range`, [['mtime', text]]),
  ),
  good(
    'an empty mtime is none',
    [
      ['mtime', '5'],
      ['mtime', ''],
    ],
    {},
  ),
  good('a bad mtime is not replaced by the header', [['mtime', '7']], { mtime: 7n * billion }),
  good(
    'atime and ctime are not kept, whatever their range',
    [
      ['atime', '9'.repeat(40)],
      ['ctime', '-1.5'],
    ],
    {},
  ),
  bad('an atime that is none', [['atime', 'yesterday']]),
  bad('a ctime that is none', [['ctime', '5,5']]),
]

const capability = Buffer.from('0100000280000000000000000000000000000000', 'hex')

const xattrs: Vector[] = [
  good(
    'extended attributes',
    [
      [xattr('user.a'), '1'],
      [xattr('user.b'), '2'],
    ],
    {
      xattrs: map([
        ['user.a', '1'],
        ['user.b', '2'],
      ]),
    },
  ),
  good('values of any bytes', [[xattr('security.capability'), capability]], {
    xattrs: map([['security.capability', capability]]),
  }),
  good('a value with NUL, newline and "="', [[xattr('user.x'), '\0\n=\xff']], {
    xattrs: map([['user.x', '\0\n=\xff']]),
  }),
  good('an empty value is one', [[xattr('user.x'), '']], { xattrs: map([['user.x', '']]) }),
  good(
    'the later value',
    [
      [xattr('user.x'), '1'],
      [xattr('user.x'), ''],
    ],
    { xattrs: map([['user.x', '']]) },
  ),
  good('a name that is no UTF-8', [[xattr('user.\xff'), '1']], { xattrs: map([['user.\xff', '1']]) }),
  good('"=" and "%" in a name', [[xattr('user.a%3Db%25%253D'), '1']], {
    xattrs: map([['user.a=b%%3D', '1']]),
  }),
  good('what is no code of these two stays', [[xattr('user.%3d%41%'), '1']], {
    xattrs: map([['user.%3d%41%', '1']]),
  }),
  good(
    "libarchive's own form is not kept",
    [
      ['LIBARCHIVE.xattr.user.x', 'MQ'],
      [xattr('user.y'), '2'],
    ],
    {
      xattrs: map([['user.y', '2']]),
    },
  ),
  bad('an attribute without a name', [[xattr(''), 'x']]),
  accepted(
    'of every type',
    tar(
      pax([[xattr('trusted.x'), '1']]),
      entry({ name: 'd/', type: '5' }),
      pax([[xattr('trusted.y'), '2']]),
      entry({ name: 's', type: '2', linkname: 't' }),
    ),
    listed({ name: 'd/', type: 'directory', xattrs: map([['trusted.x', '1']]) }),
    listed({ name: 's', type: 'symlink', linkname: 't', xattrs: map([['trusted.y', '2']]) }),
  ),
]

export const values: Vector[] = [...times, ...xattrs]
