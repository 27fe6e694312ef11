import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { removeTreeSync, setxattrSync } from 'graphdriver/sys'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { unpack } from '#lib/archive/unpack.js'
import { directory, file, hardlink, header, symlink, tar } from '../../native/tarbytes.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { attacks } from './unpack-attack-list.ts'
import { apply, fingerprint, onTmpfs, pieces, refusal } from './unpack-support.ts'

const forms: readonly LayerForm[] = ['plain', 'aufs', 'overlay', 'overlay-user']

/** Where the archives below want to get: beside the layer, above it, and elsewhere by absolute names. */
function makeOutside(top: string): void {
  for (const name of ['outside', 'layer-evil', 'layer']) {
    mkdirSync(join(top, name, 'd/sub'), { recursive: true })
    writeFileSync(join(top, name, 'secret'), 'secret', { mode: 0o640 })
    writeFileSync(join(top, name, 'd/hello'), 'hello', { mode: 0o600 })
    chmodSync(join(top, name, 'd'), 0o711)
    setxattrSync(join(top, name, 'd'), 'trusted.sentinel', Buffer.from('1'))
    symlinkSync('secret', join(top, name, 'link'))
    linkSync(join(top, name, 'secret'), join(top, name, 'd/second'))
  }
  rmSync(join(top, 'layer'), { recursive: true })
  mkdirSync(join(top, 'layer'))
}

describeMounts('unpack: attacks', (top) => {
  for (const form of onTmpfs(forms)) {
    describe(form, () => {
      for (const { name, parts, ends } of attacks) {
        it(`${name}${ends === '' ? '' : `: ${ends}`}`, async () => {
          makeOutside(top())
          const [outside, evil] = [join(top(), 'outside'), join(top(), 'layer-evil')]
          const before = [fingerprint(outside), fingerprint(evil), readdirSync(top())]
          const open = openDescriptors()
          assert.equal(await refusal(join(top(), 'layer'), parts(top()), { form }), ends)
          assert.deepEqual([fingerprint(outside), fingerprint(evil), readdirSync(top())], before)
          assert.deepEqual(openDescriptors(), open)
          removeTreeSync(join(top(), 'layer'))
        })
      }
    })
  }

  it('two archives: links that the first left are as hostile as its own', async () => {
    makeOutside(top())
    const before = fingerprint(join(top(), 'outside'))
    const root = join(top(), 'layer')
    await apply(root, [
      symlink('x', '../..'),
      symlink('y', join(top(), 'outside')),
      symlink('f', '../outside/secret'),
    ])
    await apply(root, [
      file('x/outside/secret', 'x'),
      file('y/secret', 'x'),
      file('f', 'x'),
      hardlink('h', 'y/secret'),
    ])
    assert.deepEqual(fingerprint(join(top(), 'outside')), before)
    assert.equal(lstatSync(join(root, 'f')).isFile(), true)
  })

  it('inside is where it looks: as if the layer were the root', async () => {
    const root = join(top(), 'layer')
    await apply(root, [
      symlink('lv', '/victim'),
      file('lv/file', 'inside'),
      symlink('up', '../../../../other'),
      file('up/file', 'inside'),
    ])
    assert.equal(readFileSync(join(root, 'victim/file'), 'utf8'), 'inside')
    assert.equal(readFileSync(join(root, 'other/file'), 'utf8'), 'inside')
  })

  it('what must work: hard links by absolute names, modes of devices', async () => {
    const root = join(top(), 'layer')
    await apply(root, [
      file('bin/busybox', 'x'),
      hardlink('bin/sh', '/bin/busybox'),
      header({ name: 'dev/ptmx', type: '3', mode: 0o666, major: 5, minor: 2, uid: 0, gid: 5 }),
      header({ name: 'dev/suid', type: '6', mode: 0o4755, uid: 3 }),
    ])
    assert.equal(lstatSync(join(root, 'bin/sh')).nlink, 2)
    assert.equal(lstatSync(join(root, 'dev/ptmx')).mode & 0o7777, 0o666)
    assert.equal(lstatSync(join(root, 'dev/suid')).mode & 0o7777, 0o4755)
  })

  it('a bomb is stopped: by the limit of bytes, else by the disk, which can be had again', async () => {
    const root = join(top(), 'layer')
    mkdirSync(root)
    const zeros = Buffer.concat([header({ name: 'zeros', size: 99 << 20 }), Buffer.alloc(99 << 20), tar()])
    const bomb = gzipSync(zeros, { level: 9 })
    const limits = { bytes: 1 << 20 }
    await assert.rejects(unpack(root, pieces(bomb, 1000), { limits }), { code: 'ERR_ARCHIVE_LIMIT' })
    assert.deepEqual(readdirSync(root), [])
    await assert.rejects(unpack(root, pieces(bomb, 1000)), { code: 'ENOSPC', syscall: 'write' })
    removeTreeSync(root)
    writeFileSync(join(top(), 'free'), Buffer.alloc(50 << 20))
  })

  it('a compressed stream that ends early, or has something behind it', async () => {
    const root = join(top(), 'layer')
    mkdirSync(root)
    const whole = gzipSync(tar(file('f', 'x'.repeat(50_000))))
    const cut = pieces(whole.subarray(0, whole.length - 20), 100)
    await assert.rejects(unpack(root, cut), { code: 'ERR_ARCHIVE_TRUNCATED' })
    const more = pieces(Buffer.concat([whole, Buffer.from('garbage')]), 100)
    await assert.rejects(unpack(root, more), { code: 'ERR_ARCHIVE_FORMAT' })
    await assert.rejects(unpack(root, pieces(Buffer.from('\xfd7zXZ\0'.padEnd(600), 'latin1'), 100)), {
      code: 'ERR_ARCHIVE_UNSUPPORTED',
    })
  })

  it('ten thousand directories take few bytes each', async () => {
    const root = join(top(), 'layer')
    mkdirSync(root)
    async function* many(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let i = 0; i < 100; i++) {
        const block = Array.from({ length: 100 }, (_, j) => directory(`d${i}/e${j}`))
        yield Buffer.concat([directory(`d${i}`), ...block])
      }
    }
    const before = process.memoryUsage.rss()
    await unpack(root, many())
    assert.ok(process.memoryUsage.rss() - before < 100 << 20)
    assert.equal(readdirSync(root).length, 100)
  })
})
