import { sparse } from '../sys/tarreader.ts'
import { leastTime, mostId, mostTime } from './header.ts'
import type { ResolvedLimits } from './limits.ts'
import type { Refuse } from './refusal.ts'

/** What an extended header says of an entry. */
export interface PaxAttributes {
  path?: Buffer
  linkpath?: Buffer
  size?: number
  uid?: number
  gid?: number
  /** Nanoseconds. */
  mtime?: bigint
  /** By name, one character a byte. */
  readonly xattrs: Map<string, Buffer>
}

export interface PaxOptions {
  readonly limits: ResolvedLimits
  readonly refuse: Refuse
  /** A global header: for all entries that follow. */
  readonly global: boolean
}

/** star's prefix, which GNU tar, bsdtar, Docker and containerd write too. */
export const xattrPrefix = 'SCHILY.xattr.'
const sparsePrefix = 'GNU.sparse.'
const newline = 0x0a
const equals = 0x3d

/**
 * Reads an extended header strictly (pax(1), "pax Extended Header"): a record that other readers would guess at, or
 * cut short, is refused, so that all of them see the same entry.
 */
export function parsePax(body: Buffer, options: PaxOptions): PaxAttributes {
  const attributes: PaxAttributes = { xattrs: new Map() }
  let records = 0
  for (let at = 0; at < body.length;) {
    const record = readRecord(body, at, options.refuse)
    if (++records > options.limits.paxRecords) {
      options.refuse('ERR_ARCHIVE_LIMIT', `more than ${options.limits.paxRecords} PAX records`)
    }
    apply(attributes, record.key, record.value, options)
    at = record.end
  }
  return attributes
}

/** `LENGTH KEY=VALUE\n`: the length counts the whole record, its own digits and the newline too. */
function readRecord(
  body: Buffer,
  begin: number,
  refuse: Refuse,
): { key: string; value: Buffer; end: number } {
  // Ten digits count more than any header may hold.
  const head = body.toString('latin1', begin, begin + 11)
  const digits = /^([1-9][0-9]*) /.exec(head)?.[1]
  if (digits === undefined) return refuse('ERR_ARCHIVE_FORMAT', 'a PAX record without a length')
  const end = begin + Number(digits)
  const keyBegin = begin + digits.length + 1
  if (end > body.length || end <= keyBegin || body[end - 1] !== newline) {
    return refuse('ERR_ARCHIVE_FORMAT', 'a PAX record with a wrong length')
  }
  const keyEnd = body.indexOf(equals, keyBegin)
  if (keyEnd === -1 || keyEnd >= end) return refuse('ERR_ARCHIVE_FORMAT', 'a PAX record without a "="')
  const key = body.toString('latin1', keyBegin, keyEnd)
  if (key === '' || key.includes('\0')) return refuse('ERR_ARCHIVE_FORMAT', 'a PAX record with a bad key')
  return { key, value: body.subarray(keyEnd + 1, end - 1), end }
}

function apply(to: PaxAttributes, key: string, value: Buffer, options: PaxOptions): void {
  const { refuse } = options
  // Whoever reads them with no knowledge of sparse files sees another name, and a map for contents.
  if (key.startsWith(sparsePrefix)) refuse('ERR_ARCHIVE_UNSUPPORTED', sparse)
  const moves = key === 'path' || key === 'linkpath' || key === 'size'
  if (options.global && moves) refuse('ERR_ARCHIVE_UNSUPPORTED', `a global PAX header with a ${key}`)
  if (key.startsWith(xattrPrefix)) {
    addXattr(to.xattrs, key.slice(xattrPrefix.length), value, options)
    return
  }
  switch (key) {
    case 'path':
    case 'linkpath':
      set(
        to,
        key,
        optional(value, () => Buffer.from(withoutNul(value, key, refuse))),
      )
      break
    case 'uname':
    case 'gname':
      withoutNul(value, key, refuse)
      break
    case 'size':
      set(
        to,
        key,
        optional(value, () => decimal(value, key, Number.MAX_SAFE_INTEGER, refuse)),
      )
      break
    case 'uid':
    case 'gid':
      set(
        to,
        key,
        optional(value, () => decimal(value, key, mostId, refuse)),
      )
      break
    case 'mtime':
      set(
        to,
        key,
        optional(value, () => timeInRange(value, refuse)),
      )
      break
    case 'atime':
    case 'ctime':
      optional(value, () => timeDigits(value, key, refuse))
      break
  }
}

/** An empty value takes back what an earlier record of the key said. */
function optional<T>(value: Buffer, read: () => T): T | undefined {
  return value.length === 0 ? undefined : read()
}

function set<K extends Exclude<keyof PaxAttributes, 'xattrs'>>(
  to: PaxAttributes,
  key: K,
  value: PaxAttributes[K] | undefined,
): void {
  if (value === undefined) Reflect.deleteProperty(to, key)
  else to[key] = value
}

function withoutNul(value: Buffer, key: string, refuse: Refuse): Buffer {
  if (value.includes(0)) refuse('ERR_ARCHIVE_FORMAT', `a NUL in the PAX ${key}`)
  return value
}

function decimal(value: Buffer, key: string, most: number, refuse: Refuse): number {
  const text = value.toString('latin1')
  if (!/^[0-9]+$/.test(text)) refuse('ERR_ARCHIVE_FORMAT', `the PAX ${key} is no number`)
  const number = Number(text)
  if (number > most) refuse('ERR_ARCHIVE_FORMAT', `the PAX ${key} is out of range`)
  return number
}

/** Sign, whole seconds and digits of a fraction. */
function timeDigits(value: Buffer, key: string, refuse: Refuse): [sign: string, whole: string, rest: string] {
  const match = /^(-?)([0-9]+)(?:\.([0-9]*))?$/.exec(value.toString('latin1'))
  if (!match) return refuse('ERR_ARCHIVE_FORMAT', `the PAX ${key} is no time`)
  return [match[1] ?? '', match[2] ?? '', match[3] ?? '']
}

/** Nanoseconds; what is less than one goes to the earlier of two. */
function timeInRange(value: Buffer, refuse: Refuse): bigint {
  const [sign, whole, rest] = timeDigits(value, 'mtime', refuse)
  const digits = whole.replace(/^0+(?=.)/, '')
  // Making a big number of a million digits takes long, and these are too many anyway.
  const huge = digits.length > 19
  const size = huge ? 0n : BigInt(digits) * 1_000_000_000n + BigInt(rest.slice(0, 9).padEnd(9, '0'))
  const below = sign === '-' && /[1-9]/.test(rest.slice(9)) ? 1n : 0n
  const time = sign === '-' ? -size - below : size
  if (huge || time < leastTime || time > mostTime) {
    return refuse('ERR_ARCHIVE_FORMAT', 'the PAX mtime is out of range')
  }
  return time
}

function addXattr(xattrs: Map<string, Buffer>, encoded: string, value: Buffer, options: PaxOptions): void {
  const { limits, refuse } = options
  const name = decodeXattrName(encoded)
  if (name === '') refuse('ERR_ARCHIVE_FORMAT', 'an extended attribute without a name')
  if (name.length > limits.xattrName) {
    refuse('ERR_ARCHIVE_LIMIT', `the name of an extended attribute is longer than ${limits.xattrName} bytes`)
  }
  if (value.length > limits.xattrValue) {
    refuse('ERR_ARCHIVE_LIMIT', `an extended attribute is larger than ${limits.xattrValue} bytes`)
  }
  if (xattrs.size >= limits.xattrs && !xattrs.has(name)) {
    refuse('ERR_ARCHIVE_LIMIT', `more than ${limits.xattrs} extended attributes`)
  }
  // An empty value is one, and takes nothing back: Linux has such attributes, and GNU tar and bsdtar read them so.
  xattrs.set(name, Buffer.from(value))
}

/** A key ends at its first "="; GNU tar and bsdtar therefore write that byte, and "%", as in a URL. */
export function encodeXattrName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D')
}

function decodeXattrName(name: string): string {
  return name.replace(/%3D|%25/g, (code) => (code === '%25' ? '%' : '='))
}

/** One record, with the length that counts its own digits. */
export function paxRecord(key: string, value: Uint8Array): Buffer {
  const text = Buffer.from(` ${key}=`, 'latin1')
  const without = text.length + value.length + 1
  let length = without + String(without).length
  length = without + String(length).length
  return Buffer.concat([Buffer.from(String(length)), text, value, Buffer.from('\n')], length)
}
