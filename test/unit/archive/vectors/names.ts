// Names of all kinds: in headers, and in GNU tar's own headers for long ones.
import { accepted, entry, gnu, listed, long, pax, refused, tar } from './build.ts'
import type { Vector } from './build.ts'

const format = 'ERR_ARCHIVE_FORMAT'

const hundred = 'n'.repeat(100)
const other = entry({ name: 'other' }, 'contents')
const otherListed = listed({ name: 'other', body: 'contents' })

const kept: Vector[] = [
  // Cleaning them is for who unpacks. R14: bytes, no text.
  ...[
    '/etc/passwd',
    '../up',
    './here',
    '//twice',
    'a//b',
    'a/../b',
    '.',
    'C:\\x',
    'a\nb',
    '-rf',
    ' ',
    'a\xff',
    '\xc3\xa9',
    '.wh.x',
    '.wh..wh..opq',
  ].map((name) =>
    accepted(`the name ${JSON.stringify(name)}`, tar(entry({ name }, 'x')), listed({ name, body: 'x' })),
  ),
  accepted('./', tar(entry({ name: './', type: '5' })), listed({ name: './', type: 'directory' })),
  accepted('a name of 100 bytes', tar(entry({ name: hundred }, 'x')), listed({ name: hundred, body: 'x' })),
  accepted(
    'a link name of 100 bytes',
    tar(entry({ type: '1', linkname: hundred })),
    listed({ type: 'link', linkname: hundred }),
  ),
  accepted(
    'what is behind a NUL is no part of the name',
    tar(entry({ name: 'f\0rubbish', linkname: 'l\0rubbish', type: '2' })),
    listed({ type: 'symlink', linkname: 'l' }),
  ),
  accepted('a link name of what is no link', tar(entry({ linkname: 'x' })), listed()),
  refused('no name', format, tar(entry({ name: '' }))),
  refused('no name in PAX either', format, tar(pax([['path', '']]), entry({ name: '' }))),
  refused('a hard link to nothing', format, tar(entry({ type: '1' }))),
  refused('a symlink to nothing', format, tar(entry({ type: '2' }))),
]

const longName = `${'d'.repeat(150)}/${'n'.repeat(150)}`
const longLink = `${'l'.repeat(200)}/t`

const gnuLong: Vector[] = [
  accepted(
    'a long name',
    tar(long('L', `${longName}\0`), entry({ name: longName.slice(0, 100), magic: gnu }, 'x'), other),
    listed({ name: longName, body: 'x' }),
    otherListed,
  ),
  accepted(
    'a long name without a NUL',
    tar(long('L', longName), entry({ magic: gnu })),
    listed({ name: longName }),
  ),
  accepted(
    'a long name with many NULs',
    tar(long('L', `x${'\0'.repeat(600)}`), entry()),
    listed({ name: 'x' }),
  ),
  refused('a long name with more behind its NUL', format, tar(long('L', 'x\0y'), entry())),
  refused('a long name of no bytes', format, tar(long('L', ''), entry())),
  refused('a long name of a NUL', format, tar(long('L', '\0'), entry())),
  accepted(
    'a long name that is no UTF-8',
    tar(long('L', 'a\xff\xfe\0'), entry({ magic: gnu })),
    listed({ name: 'a\xff\xfe' }),
  ),
  accepted(
    'a long link name',
    tar(long('K', `${longLink}\0`), entry({ type: '2', linkname: 'l', magic: gnu }), other),
    listed({ type: 'symlink', linkname: longLink }),
    otherListed,
  ),
  refused('a long link name of no bytes', format, tar(long('K', ''), entry({ type: '1', linkname: 'x' }))),
  accepted('a long link name of what is no link', tar(long('K', 'x\0'), entry({})), listed()),
  ...[
    [long('L', 'name\0'), long('K', 'link\0')],
    [long('K', 'link\0'), long('L', 'name\0')],
  ].map((parts, i) =>
    accepted(
      `both, ${i === 0 ? 'name' : 'link'} first`,
      tar(...parts, entry({ type: '1', magic: gnu })),
      listed({ name: 'name', type: 'link', linkname: 'link' }),
    ),
  ),
  refused('two long names', format, tar(long('L', 'a\0'), long('L', 'b\0'), entry())),
  refused('two long link names', format, tar(long('K', 'a\0'), long('K', 'b\0'), entry({ type: '2' }))),
  // R11
  refused('a long name and a PAX path', format, tar(long('L', 'a\0'), pax([['path', 'b']]), entry())),
  refused('a PAX path and a long name', format, tar(pax([['path', 'b']]), long('L', 'a\0'), entry())),
  refused('the same one twice', format, tar(pax([['path', 'a']]), long('L', 'a\0'), entry())),
  refused(
    'a long link name and a PAX linkpath',
    format,
    tar(long('K', 'a\0'), pax([['linkpath', 'b']]), entry({ type: '2' })),
  ),
  accepted(
    'a long name and a PAX linkpath',
    tar(long('L', 'a\0'), pax([['linkpath', 'b']]), entry({ type: '2' })),
    listed({ name: 'a', type: 'symlink', linkname: 'b' }),
  ),
  accepted(
    'a long name and a PAX path that is taken back',
    tar(long('L', 'a\0'), pax([['path', '']]), entry()),
    listed({ name: 'a' }),
  ),
]

export const names: Vector[] = [...kept, ...gnuLong]
