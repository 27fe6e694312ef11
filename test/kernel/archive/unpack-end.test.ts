import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { unpack } from '#lib/archive/unpack.js'
import type { Progress } from '#lib/archive/progress.js'
import { directory, file, header, tar } from '../../native/tarbytes.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { apply, look, pieces, refusal } from './unpack-support.ts'

describeMounts('unpack: how it ends', (top) => {
  const root = (): string => join(top(), 'layer')
  const bytes = tar(directory('d'), file('d/f', 'x'.repeat(100_000)), file('g', 'y'))

  it('is no matter of how it is cut; says the digest of the tar, whatever it came in', async () => {
    const diffID = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    for (const [name, source] of [
      ['whole', pieces(bytes, bytes.length)],
      ['blocks', pieces(bytes, 512)],
      ['odd', pieces(bytes, 333)],
      ['gzip', pieces(gzipSync(bytes), 1000)],
    ] as const) {
      const target = join(top(), name)
      mkdirSync(target)
      const result = await unpack(target, source)
      assert.deepEqual([result.diffID, result.size, result.entries], [diffID, 100_001, 3], name)
      assert.equal(readFileSync(join(target, 'd/f'), 'utf8'), 'x'.repeat(100_000))
    }
    writeFileSync(join(top(), 'tar'), bytes)
    const handle = await open(join(top(), 'tar'))
    mkdirSync(root())
    assert.equal((await unpack(root(), handle)).diffID, diffID)
    await handle.close()
  })

  it('a call that fails says which, and where', async () => {
    mkdirSync(join(top(), 'small'))
    mountSync('graphdriver-test', join(top(), 'small'), 'tmpfs', 0, 'size=64k')
    const full = apply(join(top(), 'small'), [file('a', ''), file('dir/big', 'x'.repeat(200_000))])
    await assert.rejects(full, { code: 'ENOSPC', syscall: 'write', path: join(top(), 'small/dir/big') })
    umount2Sync(join(top(), 'small'), 0)
    await assert.rejects(unpack(join(top(), 'none'), pieces(bytes, 512)), { code: 'ENOENT' })
    writeFileSync(join(top(), 'file'), '')
    await assert.rejects(unpack(join(top(), 'file'), pieces(bytes, 512)), { code: 'ENOTDIR' })
  })

  it('a refusal ends the source, and leaves nothing open', async () => {
    const before = openDescriptors()
    let ended = false
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield header({ name: 'bad', type: 'S' })
        for (;;) {
          await new Promise((resolve) => setImmediate(resolve))
          yield Buffer.alloc(10_000)
        }
      } finally {
        ended = true
      }
    }
    mkdirSync(root())
    await assert.rejects(unpack(root(), endless()), { code: 'ERR_ARCHIVE_UNSUPPORTED' })
    assert.equal(ended, true)
    assert.deepEqual(openDescriptors(), before)
  })

  it('what the source throws comes through, and the native work has ended', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 5000)
      throw new RangeError('of the source')
    }
    mkdirSync(root())
    await assert.rejects(unpack(root(), broken()), RangeError)
    const seen = look(root())
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(look(root()), seen)
  })

  it('an abort: before, in the middle of an entry, while the source lets wait', async () => {
    mkdirSync(root())
    const reason = new Error('enough')
    await assert.rejects(unpack(root(), pieces(bytes, 512), { signal: AbortSignal.abort(reason) }), reason)
    assert.deepEqual(readdirSync(root()), [])
    const controller = new AbortController()
    async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 3000)
      setTimeout(() => {
        controller.abort(reason)
      }, 5)
      await new Promise(() => undefined)
    }
    const before = openDescriptors()
    await assert.rejects(unpack(root(), slow(), { signal: controller.signal }), reason)
    assert.deepEqual(openDescriptors(), before)
  })

  it('progress is told, and at the end it is all', async () => {
    const told: Progress[] = []
    mkdirSync(root())
    await unpack(root(), pieces(bytes, 512), { onProgress: (progress) => told.push(progress) })
    assert.deepEqual(told.at(-1), { bytes: bytes.length, entries: 3 })
  })

  it('a source that is faster than the disk has to wait', async () => {
    const body = Buffer.alloc(1 << 20)
    let handed = 0
    let most = 0
    async function* fast(): AsyncGenerator<Uint8Array, void, undefined> {
      yield header({ name: 'big', size: 48 << 20 })
      for (let i = 0; i < 48; i++) {
        handed += body.length
        yield body
        most = Math.max(most, handed - lstatOrZero(join(root(), 'big')))
      }
    }
    mkdirSync(root())
    await unpack(root(), fast())
    assert.equal(lstatSync(join(root(), 'big')).size, 48 << 20)
    assert.ok(most <= 16 << 20, `${most} bytes were on their way at once`)
  })

  it('a truncated archive, and its limits', async () => {
    assert.equal(
      await refusal(root(), [file('f', 'x'), header({ name: 'g', size: 10_000 })]),
      'ERR_ARCHIVE_TRUNCATED',
    )
    const many = Array.from({ length: 10 }, (_, i) => file(`f${i}`, 'x'))
    assert.equal(await refusal(root(), many, { limits: { entries: 9 } }), 'ERR_ARCHIVE_LIMIT')
    assert.equal(await refusal(root(), many, { limits: { bytes: 5000 } }), 'ERR_ARCHIVE_LIMIT')
  })
})

function lstatOrZero(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
}
