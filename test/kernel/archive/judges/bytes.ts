/**
 * Names are bytes. They are held as strings of one character a byte (latin1), which can be joined, compared and used as keys
 * without a loss; the order of such strings is the order of the bytes.
 */
export type Bytes = string

/** The bytes that a text has in UTF-8. */
export function utf8(text: string): Bytes {
  return Buffer.from(text).toString('latin1')
}

export function toBuffer(bytes: Bytes): Buffer {
  return Buffer.from(bytes, 'latin1')
}

export function fromBuffer(buffer: Uint8Array): Bytes {
  return Buffer.from(buffer).toString('latin1')
}

/** For messages: everything that is no plain letter is escaped. */
export function shown(bytes: Bytes): string {
  const text = bytes.length > 120 ? `${bytes.slice(0, 100)}…(${bytes.length} bytes)` : bytes
  return JSON.stringify(text).slice(1, -1)
}
