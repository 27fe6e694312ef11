// Extended headers: R2, R6 to R11, and all that is kept of them.
import {
  accepted,
  base256,
  entry,
  globalPax,
  gnu,
  header,
  listed,
  long,
  pax,
  record,
  refused,
  tar,
} from './build.ts'
import type { Vector } from './build.ts'
import { bad, good, other, otherListed } from './records.ts'

const format = 'ERR_ARCHIVE_FORMAT'
const unsupported = 'ERR_ARCHIVE_UNSUPPORTED'
const syntax: Vector[] = [
  // R2
  accepted(
    'a PAX header of no bytes',
    tar(pax(''), entry({}, 'x'), other),
    listed({ body: 'x' }),
    otherListed,
  ),
  accepted(
    'two PAX headers of no bytes, for two entries',
    tar(pax(''), entry({}, 'x'), pax(''), other),
    listed({ body: 'x' }),
    otherListed,
  ),
  good('a record that nobody knows', [['VENDOR.key', 'anything\0\n=\xff']], {}),
  good('a record of one letter', '6 a=b\n', {}),
  good('a record without a value', '5 a=\n', {}),
  // R6
  bad('no length', ' path=x\n'),
  bad('no blank', '6path=x\n'),
  bad('a length of 0', '0 a=b\n'),
  bad('a negative length', '-6 a=b\n'),
  bad('a length with a plus', '+6 a=b\n'),
  bad('a length with a zero in front', '07 a=b\n'),
  bad('a length in hexadecimal', '0x6 a=b\n'),
  bad('a length with a blank in front', ' 7 a=b\n'),
  bad('a length that is too small', '5 a=b\n'),
  bad('a length that is too small, and a newline where it ends', '8 a=b\n\nc\n'),
  bad('a length that is too large', '7 a=b\n'),
  bad('a length within itself', '2 a=b\n'),
  bad('a length of a million digits', `${'9'.repeat(5000)} a=b\n`),
  bad('no newline', '6 a=bc'),
  bad('no "="', '6 abc\n'),
  bad('no key', '5 =b\n'),
  bad('a NUL in a key', [['a\0b', 'c']]),
  bad('zeros behind the records', Buffer.concat([record('a', 'b'), Buffer.alloc(4)])),
  bad('rubbish behind the records', Buffer.concat([record('path', 'x'), Buffer.from('rubbish')])),
  refused('two PAX headers for one entry', format, tar(pax([['path', 'a']]), pax([['path', 'b']]), entry())),
  refused('two PAX headers, both empty', format, tar(pax(''), pax(''), entry())),
  accepted(
    'the numbers of a PAX header itself are not looked at',
    tar(pax([['path', 'x']], { uid: 'rubbish', mtime: 'rubbish', mode: 'rubbish' }), entry()),
    listed({ name: 'x' }),
  ),
  refused('but its size is', format, tar(pax([['path', 'x']], { size: '12x' }), entry())),
  accepted(
    'a PAX header of GNU tar',
    tar(pax([['path', 'x']], { magic: gnu }), entry({ magic: gnu })),
    listed({ name: 'x' }),
  ),
]

const keys: Vector[] = [
  good('path', [['path', 'a/long/name']], { name: 'a/long/name' }),
  // R7
  good('a path of bytes that are no UTF-8', [['path', 'a\xff\xfe']], { name: 'a\xff\xfe' }),
  good('a path of UTF-8', [['path', Buffer.from('é/日本')]], { name: Buffer.from('é/日本') }),
  good('a path of digits', [['path', '12345']], { name: '12345' }),
  good('a path with a newline and a "="', [['path', 'a\nb=c\n']], { name: 'a\nb=c\n' }),
  good(
    'the later path',
    [
      ['path', 'a'],
      ['path', 'b'],
    ],
    { name: 'b' },
  ),
  good(
    'an empty path takes the one before back',
    [
      ['path', 'a'],
      ['path', ''],
    ],
    {},
  ),
  // R9
  bad('a NUL in a path', [['path', 'a\0b']]),
  bad('a NUL in a path that another replaces', [
    ['path', 'a\0b'],
    ['path', 'c'],
  ]),
  bad('a NUL in a linkpath', [['linkpath', 'a\0b']]),
  bad('a NUL in a uname', [['uname', 'a\0b']]),
  bad('a NUL in a gname', [['gname', 'a\0b']]),
  accepted(
    'linkpath',
    tar(pax([['linkpath', '\xfe/x']]), entry({ type: '2', linkname: 'short' }), other),
    listed({ type: 'symlink', linkname: '\xfe/x' }),
    otherListed,
  ),
  good('a linkpath of what is no link', [['linkpath', 'x']], {}),
  accepted(
    'an empty linkpath is none',
    tar(pax([['linkpath', '']]), entry({ type: '1', linkname: 'short' })),
    listed({ type: 'link', linkname: 'short' }),
  ),
  accepted(
    'size',
    tar(pax([['size', '5']]), header({ size: 0 }), entryBody('hello'), other),
    listed({ body: 'hello' }),
    otherListed,
  ),
  accepted(
    'a size that is smaller than the one in the header',
    tar(pax([['size', '0']]), header({ size: 5000 }), other),
    listed(),
    otherListed,
  ),
  accepted(
    'the size is that of the entry, not of a long name between',
    tar(
      pax([['size', '3']]),
      long('L', 'a name of GNU tar\0'),
      header({ size: 0, magic: gnu }),
      entryBody('abc'),
      other,
    ),
    listed({ name: 'a name of GNU tar', body: 'abc' }),
    otherListed,
  ),
  good(
    'an empty size is none',
    [
      ['size', '9'],
      ['size', ''],
    ],
    {},
  ),
  good('a size with zeros in front', [['size', '0000']], {}),
  // R8
  good(
    'owner and group',
    [
      ['uid', '4294967294'],
      ['gid', '2097152'],
    ],
    { uid: 4294967294, gid: 2097152 },
  ),
  good(
    'an empty owner is none',
    [
      ['uid', '5'],
      ['uid', ''],
    ],
    {},
  ),
  ...[
    'uname',
    'gname',
    'comment',
    'hdrcharset',
    'SCHILY.dev',
    'SCHILY.ino',
    'SCHILY.nlink',
    'SCHILY.acl.access',
    'RHT.security.selinux',
  ].map((key) => good(`${key} is not kept`, [[key, 'x']], {})),
  // R10
  ...(['size', 'uid', 'gid'] as const).flatMap((key) => [
    bad(`a ${key} with a letter`, [[key, '5abc']]),
    bad(`a negative ${key}`, [[key, '-1']]),
    bad(`a ${key} with a plus`, [[key, '+1']]),
    bad(`a ${key} with a blank`, [[key, ' 1']]),
    bad(`a ${key} with a newline`, [[key, '1\n']]),
    bad(`a ${key} with a fraction`, [[key, '1.0']]),
    bad(`a bad ${key} that another replaces`, [
      [key, 'x'],
      [key, '0'],
    ]),
  ]),
  bad('a size of 2^53', [['size', '9007199254740992']]),
  bad('a size of 30 digits', [['size', '1'.repeat(30)]]),
  bad('a uid that is none (2^32-1)', [['uid', '4294967295']]),
  bad('a gid that is none (2^32-1)', [['gid', '4294967295']]),
  refused(
    'the header is judged, whatever PAX says',
    format,
    tar(pax([['uid', '5']]), entry({ uid: base256(-1n, 8) })),
  ),
]

function entryBody(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)])
}

const sparse: Vector[] = [
  // R5
  ...['major', 'minor', 'name', 'realsize', 'size', 'numblocks', 'map', 'offset'].map((key) =>
    bad(`GNU.sparse.${key}`, [[`GNU.sparse.${key}`, '1']], unsupported),
  ),
  bad('an empty GNU.sparse record', [['GNU.sparse.name', '']], unsupported),
  bad(
    'a sparse record behind a good one',
    [
      ['path', 'x'],
      ['GNU.sparse.major', '1'],
    ],
    unsupported,
  ),
  bad('a bad record in front of a sparse one', [
    ['uid', 'x'],
    ['GNU.sparse.major', '1'],
  ]),
  bad(
    'a sparse record in front of a bad one',
    [
      ['GNU.sparse.major', '1'],
      ['uid', 'x'],
    ],
    unsupported,
  ),
]

const globals: Vector[] = [
  accepted(
    'a global header is dropped',
    tar(
      globalPax([
        ['mtime', '5'],
        ['uid', '6'],
        ['SCHILY.xattr.user.x', '7'],
        ['comment', 'x'],
      ]),
      entry(),
      other,
    ),
    listed(),
    otherListed,
  ),
  accepted(
    'two of them',
    tar(globalPax([['comment', 'x']]), globalPax([['comment', 'y']]), entry()),
    listed(),
  ),
  accepted('an empty one', tar(globalPax(''), entry()), listed()),
  ...['path', 'linkpath', 'size', 'GNU.sparse.major'].flatMap((key) => [
    refused(`a global ${key}`, unsupported, tar(globalPax([[key, '1']]), entry())),
    refused(`a global ${key} without a value`, unsupported, tar(globalPax([[key, '']]), entry())),
  ]),
  refused('a global header with a bad record', format, tar(globalPax('9 a=b\n'), entry())),
  refused('a global header with a bad value', format, tar(globalPax([['mtime', 'x']]), entry())),
  refused(
    'a global header behind PAX',
    format,
    tar(pax([['path', 'x']]), globalPax([['comment', 'x']]), entry()),
  ),
  refused(
    'a global header behind a long name',
    format,
    tar(long('L', 'x\0'), globalPax([['comment', 'x']]), entry()),
  ),
]

export const extended: Vector[] = [...syntax, ...keys, ...sparse, ...globals]
