import { isAscii, isUtf8 } from 'node:buffer'

import type { EntryHead, EntryType } from './entry.ts'
import { blockSize, checksumOf, fields, paddingOf, typeOffset } from './header.ts'
import type { Field } from './header.ts'
import { encodeXattrName, paxRecord, xattrPrefix } from './pax.ts'

const flags: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** The most that 7 and 11 octal digits hold. */
export const mostOctal7 = 0o7777777
const mostOctal11 = 0o77777777777
const nanosecond = 1_000_000_000n
const slash = 0x2f
const none = Buffer.alloc(0)

/** What a header block holds, each number as far as it fits. */
interface Block {
  flag: string
  name: Uint8Array
  prefix?: Uint8Array
  linkname?: Uint8Array | undefined
  mode: number
  uid: number
  gid: number
  size: number
  /** Seconds. */
  mtime: number
  major: number
  minor: number
}

const plain = { name: none, mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, major: 0, minor: 0 }

/**
 * The blocks before an entry's body: a ustar header (pax(1)), and a PAX header before it for what does not fit that.
 * An entry gives the same bytes at all times, and the same as it does natively.
 *
 * @param head the name of a directory ends in a slash.
 */
export function encodeHeader(head: EntryHead): Buffer {
  const { prefix, name } = divideName(head.name)
  const records = recordsOf(head, prefix === undefined)
  const block = encodeBlock({
    ...head,
    flag: flags[head.type],
    name,
    prefix: prefix ?? none,
    mtime: headerSeconds(head.mtime),
  })
  if (records.length === 0) return block
  const body = Buffer.concat(records)
  const extended = encodeBlock({
    ...plain,
    flag: 'x',
    name: Buffer.from('PaxHeader'),
    mode: 0o644,
    size: body.length,
  })
  return Buffer.concat([extended, body, Buffer.alloc(paddingOf(body.length)), block])
}

/** A header that says nothing but how large the body is. */
export function encodeBodyHeader(size: number): Buffer {
  return size === 0 ? emptyBody : encodeBlock({ ...plain, flag: '0', size })
}

function encodeBlock(fieldsOf: Block): Buffer {
  const block = Buffer.alloc(blockSize)
  putText(block, fields.name, fieldsOf.name)
  putOctal(block, fields.mode, fieldsOf.mode)
  putOctal(block, fields.uid, Math.min(fieldsOf.uid, mostOctal7))
  putOctal(block, fields.gid, Math.min(fieldsOf.gid, mostOctal7))
  if (fieldsOf.size > mostOctal11) putBase256(block, fields.size, fieldsOf.size)
  else putOctal(block, fields.size, fieldsOf.size)
  putOctal(block, fields.mtime, fieldsOf.mtime)
  block.write(fieldsOf.flag, typeOffset, 'latin1')
  putText(block, fields.linkname, fieldsOf.linkname ?? none)
  block.write('ustar\x0000', fields.magic[0], 'latin1')
  putOctal(block, fields.major, fieldsOf.major)
  putOctal(block, fields.minor, fieldsOf.minor)
  putText(block, fields.prefix, fieldsOf.prefix ?? none)
  const [offset] = fields.checksum
  // Six digits, a NUL and a blank: so it has been since before there was a standard.
  block.write(`${octalDigits(checksumOf(block), 6)}\0 `, offset, 'latin1')
  return block
}

const emptyBody = encodeBlock({ ...plain, flag: '0' })

/**
 * Name and prefix for their fields; a long name is divided at its first slash where both parts fit. Without a prefix
 * the name needs a PAX record.
 */
function divideName(name: Buffer): { name: Buffer; prefix: Buffer | undefined } {
  const [, most] = fields.name
  if (fits(name, most)) return { name, prefix: none }
  if (name.length > most && isAscii(name)) {
    const [, mostPrefix] = fields.prefix
    // Neither part may be empty: the slash between them is not stored.
    const first = Math.max(name.length - most - 1, 1)
    const at = name.indexOf(slash, first)
    if (at !== -1 && at <= mostPrefix && at < name.length - 1) {
      return { name: name.subarray(at + 1), prefix: name.subarray(0, at) }
    }
  }
  return { name, prefix: undefined }
}

/** ASCII, or bytes that are no text: a PAX record is UTF-8, so readers would take those for something else. */
function fits(name: Buffer, most: number): boolean {
  return name.length <= most && (isAscii(name) || !isUtf8(name))
}

function recordsOf(head: EntryHead, needsPath: boolean): Buffer[] {
  const records: Buffer[] = []
  const number = (key: string, value: number): void => {
    records.push(paxRecord(key, Buffer.from(String(value))))
  }
  if (needsPath) records.push(paxRecord('path', head.name))
  const { linkname } = head
  if (linkname !== undefined && !fits(linkname, fields.linkname[1]))
    records.push(paxRecord('linkpath', linkname))
  if (head.size > mostOctal11) number('size', head.size)
  if (head.uid > mostOctal7) number('uid', head.uid)
  if (head.gid > mostOctal7) number('gid', head.gid)
  if (head.mtime < 0n || head.mtime % nanosecond !== 0n || head.mtime / nanosecond > mostOctal11) {
    records.push(paxRecord('mtime', Buffer.from(decimalSeconds(head.mtime))))
  }
  // By code units, which are bytes here.
  const xattrs = [...head.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, value] of xattrs) records.push(paxRecord(xattrPrefix + encodeXattrName(name), value))
  return records
}

/** As far as the field goes: from 1970 to 2242. */
function headerSeconds(nanoseconds: bigint): number {
  return nanoseconds < 0n ? 0 : Math.min(Number(nanoseconds / nanosecond), mostOctal11)
}

/** -1.25, with as many digits of the fraction as it needs. */
function decimalSeconds(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? '-' : ''
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds
  const rest = String(size % nanosecond)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${sign}${String(size / nanosecond)}${rest === '' ? '' : `.${rest}`}`
}

function putText(block: Buffer, [offset, size]: Field, text: Uint8Array): void {
  block.set(text.length > size ? text.subarray(0, size) : text, offset)
}

/** Ended by a NUL. */
function putOctal(block: Buffer, [offset, size]: Field, value: number): void {
  block.write(octalDigits(value, size - 1), offset, 'latin1')
}

function octalDigits(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** GNU tar's form of what octal digits do not hold: big-endian, the highest bit set. */
function putBase256(block: Buffer, [offset, size]: Field, value: number): void {
  block.writeBigUInt64BE(BigInt(value), offset + size - 8)
  block[offset] = 0x80
}
