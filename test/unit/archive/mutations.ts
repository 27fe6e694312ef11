// Good archives, and what random changes make of them.
import assert from 'node:assert/strict'
import fc from 'fast-check'

import { vectors } from './vectors/index.ts'

/** Good archives that are small enough to be changed many times. */
export const archives = Object.values(vectors)
  .flat()
  .filter(({ list, bytes }) => list !== undefined && bytes.length > 1024 && bytes.length <= 20_000)
  .map(({ bytes }) => bytes)

/** What a mutation does to the bytes of an archive. */
export const mutation = fc.record({
  kind: fc.constantFrom('flip', 'byte', 'cut', 'remove', 'double', 'insert', 'field', 'zero'),
  at: fc.nat({ max: 0xffff }),
  size: fc.integer({ min: 1, max: 1100 }),
  value: fc.nat({ max: 255 }),
  text: fc.constantFrom(
    '0',
    '7',
    '9',
    ' ',
    '\0',
    '-1',
    '\x80',
    '\xff',
    '77777777777',
    'x',
    'L',
    'K',
    'g',
    'S',
    '\n',
    '=',
    '30 mtime=',
  ),
})
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

/** The fields of a header where something else can be put. */
const places = [0, 100, 108, 116, 124, 135, 136, 148, 156, 157, 257, 329, 337, 345]

export function mutate(original: Buffer, { kind, at, size, value, text }: Mutation): Buffer {
  const copy = Buffer.from(original)
  const offset = copy.length === 0 ? 0 : at % copy.length
  const block = offset - (offset % 512)
  switch (kind) {
    case 'flip':
      if (copy.length > 0) copy[offset] = (copy[offset] ?? 0) ^ (1 << (value % 8))
      return copy
    case 'byte':
      if (copy.length > 0) copy[offset] = value
      return copy
    case 'cut':
      return copy.subarray(0, offset)
    case 'remove':
      return Buffer.concat([copy.subarray(0, block), copy.subarray(block + size)])
    case 'double':
      return Buffer.concat([copy.subarray(0, block + 512), copy.subarray(block)])
    case 'insert':
      return Buffer.concat([copy.subarray(0, offset), Buffer.alloc(size, value), copy.subarray(offset)])
    case 'field': {
      const place = block + (places[value % places.length] ?? 0)
      if (place < copy.length) copy.write(text, place, 'latin1')
      return copy
    }
    case 'zero':
      copy.subarray(block, block + 512).fill(0)
      return copy
    default:
      return assert.fail(kind)
  }
}

/** Makes the checksums right again, so that what is behind them is judged. */
export function repaired(original: Buffer): Buffer {
  const copy = Buffer.from(original)
  for (let at = 0; at + 512 <= copy.length; at += 512) {
    const block = copy.subarray(at, at + 512)
    if (!/^[0-7]{6}\0 $/.test(block.toString('latin1', 148, 156))) continue
    block.write('        ', 148, 'latin1')
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  }
  return copy
}
