/** Tars byte by byte, right and wrong ones. Texts are latin1: one character a byte. */

/** A header's fields; what is left out is what a writer would put there. */
export interface HeaderFields {
  name: string
  type?: string
  mode?: number | Buffer
  uid?: number | Buffer
  gid?: number | Buffer
  size?: number | Buffer
  mtime?: number | Buffer
  link?: string
  /** 'ustar\0' + '00' by default. */
  magic?: string
  major?: number | Buffer
  minor?: number | Buffer
  prefix?: string
  /** What is written instead of the right sum. */
  checksum?: string
}

function number(value: number | Buffer, size: number): Buffer {
  if (typeof value !== 'number') return value
  return Buffer.from(`${value.toString(8).padStart(size - 1, '0')}\0`, 'latin1')
}

/** GNU tar's form of large and negative numbers. */
export function base256(value: bigint, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let rest = value
  for (let i = size - 1; i > 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  bytes[0] = value < 0n ? 0xff : 0x80
  return bytes
}

export function header(fields: HeaderFields): Buffer {
  const { name, type = '0', mode = 0o644, uid = 0, gid = 0, size = 0, mtime = 1e9, link = '' } = fields
  const { magic = 'ustar\x0000', major = 0, minor = 0, prefix = '' } = fields
  const block = Buffer.alloc(512)
  const text = (value: string, at: number, room: number): number => block.write(value.slice(0, room), at, 'latin1')
  text(name, 0, 100)
  number(mode, 8).copy(block, 100)
  number(uid, 8).copy(block, 108)
  number(gid, 8).copy(block, 116)
  number(size, 12).copy(block, 124)
  number(mtime, 12).copy(block, 136)
  text(type, 156, 1)
  text(link, 157, 100)
  text(magic, 257, 8)
  number(major, 8).copy(block, 329)
  number(minor, 8).copy(block, 337)
  text(prefix, 345, 155)
  return withChecksum(block, fields.checksum)
}

/** Writes the sum of a header that was changed. */
export function withChecksum(block: Buffer, checksum?: string): Buffer {
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

export function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** An entry with a body. */
export function file(name: string, body: string | Buffer = '', fields: Partial<HeaderFields> = {}): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  return Buffer.concat([header({ name, size: bytes.length, ...fields }), padded(bytes)])
}

export function directory(name: string, fields: Partial<HeaderFields> = {}): Buffer {
  return header({ name, type: '5', mode: 0o755, ...fields })
}

export function symlink(name: string, link: string, fields: Partial<HeaderFields> = {}): Buffer {
  return header({ name, type: '2', mode: 0o777, link, ...fields })
}

export function hardlink(name: string, link: string, fields: Partial<HeaderFields> = {}): Buffer {
  return header({ name, type: '1', link, ...fields })
}

/** One record of a PAX header. */
export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length
  return `${length}${rest}`
}

/** A PAX header of such records, or of such text. */
export function pax(records: Readonly<Record<string, string>> | string, type = 'x'): Buffer {
  const text =
    typeof records === 'string'
      ? records
      : Object.entries(records)
          .map(([key, value]) => record(key, value))
          .join('')
  return file('PaxHeader', text, { type })
}

/** GNU tar's long name ('L') or long link target ('K'). */
export function long(type: 'L' | 'K', name: string): Buffer {
  return file('././@LongLink', `${name}\0`, { type })
}

export const end = Buffer.alloc(1024)

export function tar(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, end])
}
