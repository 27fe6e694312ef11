import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'

import { entries } from '#lib/archive/entries.js'
import { fromEntries } from '#lib/archive/from-entries.js'
import { pack } from '#lib/archive/pack.js'
import { describeAsRoot } from '../namespace.ts'
import { plant } from './judges/plant.ts'
import { richTree } from './judges/rich-tree.ts'
import { scratch } from './judges/tools.ts'

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

describeAsRoot('tars of the native packer, read and written in TypeScript', () => {
  const at = scratch('rewritten')
  it('are the same, byte for byte', async () => {
    mkdirSync(at('tree'))
    plant(at('tree'), richTree())
    const packed = await gather(await pack(at('tree')))
    assert(packed.length > 100_000, `${packed.length} bytes`)
    const rewritten = await gather(fromEntries(entries(pieces(packed))))
    const different = rewritten.findIndex((byte, i) => byte !== packed[i])
    assert.deepEqual([different, rewritten.length], [-1, packed.length])
  })
})

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  for (let i = 0; i < bytes.length; i += 65_536) yield bytes.subarray(i, i + 65_536)
}
