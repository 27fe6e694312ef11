import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromEntries } from '#lib/archive/from-entries.js'
import { pack } from '#lib/archive/pack.js'
import { unpack } from '#lib/archive/unpack.js'
import { describeMounts } from '../namespace.ts'
import { pieces, times } from './unpack-support.ts'

const billion = 1_000_000_000n

async function packed(directory: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of await pack(directory)) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

describeMounts('unpack: times', (top) => {
  // Where 32 bits of seconds end, 33, the nanoseconds of 64 bits, ext4's dates; and far beyond.
  const seconds = [
    -(2 ** 40),
    -(2 ** 33),
    -9223372037,
    -1,
    2 ** 31,
    2 ** 33,
    9223372037,
    15032385536,
    2 ** 40,
  ]

  it('are packed and unpacked again, in whatever year they are', async () => {
    const [from, to] = [join(top(), 'from'), join(top(), 'to')]
    for (const directory of [from, to]) mkdirSync(directory)
    const names = seconds.flatMap((time) => [`f${time}`, `d${time}`, `l${time}`])
    for (const time of seconds) {
      writeFileSync(join(from, `f${time}`), 'x')
      mkdirSync(join(from, `d${time}`))
      symlinkSync('x', join(from, `l${time}`))
      // A negative number is taken for now, a text is not.
      for (const kind of 'fdl') lutimesSync(join(from, `${kind}${time}`), String(time), String(time))
    }
    const there = times(from, ...names)
    assert.deepEqual(
      there,
      seconds.flatMap((time) => Array<bigint>(3).fill(BigInt(time) * billion)),
    )
    const tar = await packed(from)
    await unpack(to, pieces(tar, 100_000))
    assert.deepEqual(times(to, ...names), there)
    assert.ok((await packed(to)).equals(tar))
  })

  it('have as many seconds as the kernel counts', async () => {
    const layer = join(top(), 'layer')
    mkdirSync(layer)
    const all = { first: -(2n ** 63n), last: 2n ** 63n - 1n, '2300': 10_413_792_000n }
    const entries = Object.entries(all).map(([name, time]) => ({
      name,
      type: 'file' as const,
      mtime: time * billion + billion - 1n,
    }))
    await unpack(layer, fromEntries(entries))
    // Node.js makes a floating-point number of them on the way.
    const seen = Object.keys(all).map((name) =>
      execFileSync('stat', ['-c', '%Y', join(layer, name)]).toString(),
    )
    assert.deepEqual(
      seen,
      Object.values(all).map((time) => `${time}\n`),
    )
    assert.deepEqual(times(layer, '2300'), [10_413_792_000_999_999_999n])
  })
})
