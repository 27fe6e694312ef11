import assert from 'node:assert/strict'

import { codeOf, cut, readAll, write } from './support.ts'
import { vectors, writings } from './vectors/index.ts'
import type { Vector } from './vectors/index.ts'

/** Large archives a byte at a time would take minutes, and show nothing that small ones do not. */
const smallest = (bytes: Buffer): number => (bytes.length <= 20_000 ? 1 : 4099)

async function judge({ bytes, limits, list, refused }: Vector, pieceSize: number): Promise<void> {
  const reading = readAll(cut(bytes, pieceSize), { limits })
  if (refused === undefined) assert.deepEqual(await reading, list)
  else assert.equal(await codeOf(reading), refused)
}

/** All of it, so that a difference can be read. */
function shown(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/\0{3,}/g, (zeros) => `{${zeros.length} zeros}`)
}

describe('archive vectors', () => {
  it('have names of their own, and an answer each', () => {
    for (const [group, rows] of Object.entries(vectors)) {
      assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length, group)
      for (const row of rows) assert.notEqual(row.list === undefined, row.refused === undefined, row.name)
    }
  })
  for (const [group, rows] of Object.entries(vectors)) {
    describe(group, () => {
      for (const row of rows) {
        it(`${row.name}${row.refused === undefined ? '' : `: ${row.refused}`}`, async () => {
          for (const size of [row.bytes.length + 1, 512, 513, 100, smallest(row.bytes)])
            await judge(row, size)
        })
      }
    })
  }
  describe('written to the byte', () => {
    for (const { name, entries, bytes } of writings) {
      it(name, async () => {
        assert.equal(shown(await write(entries)), shown(bytes))
      })
    }
  })
})
