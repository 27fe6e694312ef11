// Numbers in headers, octal and base-256 (R10).
import { accepted, base256, entry, header, listed, refused, tar } from './build.ts'
import type { HeaderFields, Listed, Vector } from './build.ts'

const format = 'ERR_ARCHIVE_FORMAT'
const billion = 1_000_000_000n

function good(
  name: string,
  fields: HeaderFields,
  said: Partial<Omit<Listed, 'name' | 'linkname' | 'body'>>,
): Vector {
  const type = fields.type === '3' ? 'char' : 'file'
  return accepted(name, tar(entry({ size: 0, ...fields })), listed({ type, ...said }))
}

function bad(name: string, fields: HeaderFields): Vector {
  return refused(name, format, tar(header(fields)))
}

const octal: Vector[] = [
  good('blanks in front', { uid: '   123\0 ' }, { uid: 0o123 }),
  good('blanks in front and behind', { uid: '  123   ' }, { uid: 0o123 }),
  good('zeros in front', { uid: '0000123\0' }, { uid: 0o123 }),
  good('eight digits, no end', { uid: '00000123' }, { uid: 0o123 }),
  good('an end by a blank', { uid: '000123 \0' }, { uid: 0o123 }),
  good('a single digit', { uid: '7' }, { uid: 7 }),
  good('an empty field', { uid: '\0\0\0\0\0\0\0\0' }, { uid: 0 }),
  good('a field of blanks', { uid: '        ' }, { uid: 0 }),
  good('twelve digits of a time', { mtime: '100000000000' }, { mtime: 8589934592n * billion }),
  good('twelve digits of a time after 2262', { mtime: '777777777777' }, { mtime: 68719476735n * billion }),
  good('the largest octal uid', { uid: '77777777' }, { uid: 0o77777777 }),
  bad('8 is no octal digit', { uid: '0000008\0' }),
  bad('a letter behind the digits', { uid: '12x' }),
  bad('a letter in front', { uid: 'x12' }),
  bad('a sign', { uid: '-000001\0' }),
  bad('a plus', { uid: '+000001\0' }),
  bad('digits behind the end', { uid: '5\x007' }),
  bad('digits behind a blank', { uid: '5 7' }),
  bad('a NUL in front', { uid: '\x00000123' }),
  bad('a tab', { uid: '\t000123' }),
  bad('hexadecimal', { uid: '0x00012' }),
  ...(['mode', 'uid', 'gid', 'size', 'mtime'] as const).map((field) =>
    bad(`rubbish for a ${field}`, { [field]: 'xyz' }),
  ),
  bad('rubbish for a major number', { type: '3', major: 'xyz' }),
  bad('rubbish for a minor number', { type: '4', minor: 'xyz' }),
]

const other: Vector[] = [
  good('base-256 uid', { uid: base256(4294967294n, 8) }, { uid: 4294967294 }),
  good('base-256 gid', { gid: base256(3000000000n, 8) }, { gid: 3000000000 }),
  bad('a uid that is none (2^32-1)', { uid: base256(4294967295n, 8) }),
  bad('a gid that is none (2^32-1)', { gid: base256(4294967295n, 8) }),
  bad('a uid above 32 bits', { uid: base256(1n << 32n, 8) }),
  bad('a negative uid', { uid: base256(-2n, 8) }),
  bad('a negative gid', { gid: base256(-1n, 8) }),
  good('base-256 size of 0', { size: base256(0n, 12) }, {}),
  bad('a negative size', { size: base256(-1n, 12) }),
  bad('a size of 2^53', { size: base256(1n << 53n, 12) }),
  bad('a size of 2^63', { size: base256(1n << 63n, 12) }),
  bad('a size of all bits', { size: Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)]) }),
  refused(
    'a size of 2^53-1 and no body',
    'ERR_ARCHIVE_TRUNCATED',
    header({ size: base256((1n << 53n) - 1n, 12) }),
  ),
  good('base-256 mode, low bits kept', { mode: base256(0o100755n, 8) }, { mode: 0o755 }),
  good('a large base-256 mode', { mode: base256((1n << 55n) + 0o4711n, 8) }, { mode: 0o4711 }),
  bad('a negative mode', { mode: base256(-1n, 8) }),
  good('a time before 1970', { mtime: base256(-1n, 12) }, { mtime: -billion }),
  good(
    'the first second whose nanoseconds have 65 bits',
    { mtime: base256(9223372037n, 12) },
    { mtime: 9223372037n * billion },
  ),
  good('the last one before 1970', { mtime: base256(-9223372037n, 12) }, { mtime: -9223372037n * billion }),
  good('the last second of ext4', { mtime: base256(15032385535n, 12) }, { mtime: 15032385535n * billion }),
  good(
    'the first second of 64 bits',
    { mtime: base256(-(2n ** 63n), 12) },
    { mtime: -(2n ** 63n) * billion },
  ),
  good(
    'the last second of 64 bits',
    { mtime: base256(2n ** 63n - 1n, 12) },
    { mtime: (2n ** 63n - 1n) * billion },
  ),
  bad('a second too early', { mtime: base256(-(2n ** 63n) - 1n, 12) }),
  bad('a second too late', { mtime: base256(2n ** 63n, 12) }),
  bad('a time of 88 bits', { mtime: Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0x7f)]) }),
  good(
    'large device numbers',
    { type: '3', major: base256(4294967295n, 8), minor: 0o7777777 },
    { major: 4294967295, minor: 0o7777777 },
  ),
  bad('a major number above 32 bits', { type: '3', major: base256(1n << 32n, 8) }),
  bad('a negative minor number', { type: '3', minor: base256(-1n, 8) }),
  bad('first byte 0x81', { uid: Buffer.from([0x81, 0, 0, 0, 0, 0, 0, 1]) }),
  bad('first byte 0xc0', { uid: Buffer.from([0xc0, 0, 0, 0, 0, 0, 0, 1]) }),
  bad('first byte 0xfe', { uid: Buffer.from([0xfe, 0, 0, 0, 0, 0, 0, 1]) }),
  good('mode: 12 bits', { mode: 0o7777 }, { mode: 0o7777 }),
  good('mode: the type is cut off', { mode: 0o104755 }, { mode: 0o4755 }),
  good('mode 0', { mode: 0 }, { mode: 0 }),
]

export const numbers: Vector[] = [...octal, ...other]
