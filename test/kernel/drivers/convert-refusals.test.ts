import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { convert, type ConvertOptions, type ConvertTarget, open } from 'graphdriver'
import { AT_FDCWD, mknodatSync, mountSync, setxattrSync, umount2Sync } from 'graphdriver/sys'
import { Locks } from '#lib/store/index.js'
import { docker, makeDockerRoot } from '../../contract/docker.ts'
import { describeMounts } from '../namespace.ts'
import { onDisk, OPAQUE, rejects, S_IFCHR, storeAt } from './convert-support.ts'
import { namespaceCopy } from './support.ts'

describeMounts('convert', (directory) => {
  let root: string
  beforeEach(() => {
    root = join(directory(), 'root')
  })
  const { to, at, stamp, overlayStore } = storeAt(() => root)

  describe('refuses, before anything is touched, by its path,', () => {
    const whiteout = (path: string): void => {
      mknodatSync(AT_FDCWD, path, S_IFCHR, 0, 0)
    }
    const plants: [what: string, to: ConvertTarget, name: string, plant: (path: string) => void][] = [
      ['a device 0:0', 'overlay', 'etc/device', whiteout],
      ['a whiteout that is a directory', 'overlay', 'etc/.wh.x', (path) => mkdirSync(path)],
      [
        'a whiteout that is a link',
        'overlay',
        '.wh.x',
        (path) => {
          symlinkSync('passwd', path)
        },
      ],
      [
        'a whiteout of nothing',
        'overlay',
        'etc/.wh.',
        (path) => {
          writeFileSync(path, '')
        },
      ],
      [
        'a whiteout of ..',
        'overlay',
        'etc/.wh...',
        (path) => {
          writeFileSync(path, '')
        },
      ],
      ['a marker that is a directory', 'overlay', 'etc/.wh..wh..opq', (path) => mkdirSync(path)],
      [
        'a directory that aufs renamed',
        'overlay',
        '.wh..wh.dr.77',
        (path) => {
          writeFileSync(path, '')
        },
      ],
      [
        'a file that has overlay’s attributes',
        'overlay',
        'etc/hostname',
        (path) => {
          setxattrSync(path, 'trusted.overlay.origin', Buffer.of(1))
        },
      ],
      [
        'an opaque directory',
        'overlay',
        'etc',
        (path) => {
          setxattrSync(path, OPAQUE, Buffer.from('y'))
        },
      ],
      [
        'a file called .wh.x',
        'aufs',
        'd/.wh.x',
        (path) => {
          writeFileSync(path, '')
        },
      ],
      ['a directory called .wh..wh.aufs', 'aufs', '.wh..wh.aufs', (path) => mkdirSync(path)],
      ['a deletion of a long name', 'aufs', `d/${'n'.repeat(252)}`, whiteout],
      [
        'a metacopy',
        'aufs',
        'd/sub/new',
        (path) => {
          setxattrSync(path, 'trusted.overlay.metacopy', Buffer.of())
        },
      ],
      [
        'a renamed directory',
        'aufs',
        'd/sub',
        (path) => {
          setxattrSync(path, 'trusted.overlay.redirect', Buffer.from('x'))
        },
      ],
      [
        'a nested overlay’s directory',
        'aufs',
        'd/sub',
        (path) => {
          setxattrSync(path, 'trusted.overlay.overlay.opaque', Buffer.from('y'))
        },
      ],
      [
        'a whiteout that is a file',
        'aufs',
        'd/x',
        (path) => {
          writeFileSync(path, '')
          setxattrSync(path, 'trusted.overlay.whiteout', Buffer.of())
        },
      ],
    ]
    for (const [what, target, name, plant] of plants) {
      it(`${what} (to ${target})`, async () => {
        const layer = target === 'aufs' ? 'top' : docker.init
        if (target === 'aufs') await overlayStore()
        else makeDockerRoot(root)
        plant(at(layer, name))
        const before = onDisk(root)
        await assert.rejects(
          to(target),
          (error: Error & { code: string; path: string; id: string; detail: string }) => {
            assert.deepEqual(
              [error.code, error.id, error.path],
              ['ERR_LAYER_NOT_CONVERTIBLE', layer, at(layer, name)],
              error.stack,
            )
            assert.equal(error.detail.split('\n').length, 1)
            return error.message.includes(at(layer, name))
          },
        )
        assert.deepEqual(onDisk(root), before)
        assert.equal(stamp()['state'], 'ready')
        await (await open({ root, readOnly: true })).close()
      })
    }

    it('all of them, in all layers', async () => {
      makeDockerRoot(root)
      for (const layer of [docker.base, docker.top]) whiteout(at(layer, 'device'))
      await assert.rejects(to('overlay'), (error: Error & { detail: string }) => {
        assert.match(error.message, /and 1 more/)
        return (
          error.detail.includes(at(docker.base, 'device')) && error.detail.includes(at(docker.top, 'device'))
        )
      })
    })

    it('contents that are a link', async () => {
      makeDockerRoot(root)
      mkdirSync(join(directory(), 'elsewhere'))
      writeFileSync(join(directory(), 'elsewhere/.wh.x'), '')
      renameSync(at(docker.top), at('aside'))
      symlinkSync(join(directory(), 'elsewhere'), at(docker.top))
      await assert.rejects(to('overlay'), /ELOOP|ENOTDIR/)
      assert.deepEqual(await readdir(join(directory(), 'elsewhere')), ['.wh.x'])
    })
  })

  describe('refuses a store that', () => {
    it('somebody has open, here or in another process', async () => {
      await overlayStore()
      const graph = await open({ root })
      await rejects(to('aufs'), 'ERR_STORE_IN_USE', /open/)
      await graph.close()
      await to('aufs')
    })

    it('somebody reads, who writes nothing', async () => {
      await overlayStore()
      const reader = await open({ root, readOnly: true })
      await rejects(to('aufs'), 'ERR_STORE_IN_USE', /open/)
      await reader.close()
      await to('aufs')
    })

    it('is being converted, by who has it to himself', async () => {
      await overlayStore()
      const locks = await Locks.open(at('../lock'))
      assert.ok(locks.claimStore())
      for (const readOnly of [true, false]) await rejects(open({ root, readOnly }), 'ERR_STORE_CONVERTING')
      await locks.close()
      await (await open({ root, readOnly: true })).close()
    })

    it('has something mounted in it, here or in another namespace', async () => {
      await overlayStore()
      const graph = await open({ root })
      const path = await graph.get('top')
      const copy = await namespaceCopy()
      try {
        await graph.close()
        await rejects(to('aufs'), 'ERR_STORE_IN_USE', new RegExp(`process ${String(copy.pid)} `))
      } finally {
        await copy.end()
      }
      mountSync('none', path, 'tmpfs')
      await rejects(to('aufs'), 'ERR_STORE_IN_USE', /mnt\/top/)
      umount2Sync(path)
      await to('aufs')
    })

    it('has a layer in a mount elsewhere', async () => {
      await overlayStore()
      const merged = join(directory(), 'merged')
      mkdirSync(merged)
      mountSync('overlay', merged, 'overlay', 0, `lowerdir=${at('top')}:${at('base')}`)
      await rejects(to('aufs'), 'ERR_STORE_IN_USE', /merged/)
      umount2Sync(merged)
      await to('aufs')
    })

    it('is no store, is not there, or is one of vfs', async () => {
      await rejects(to('aufs'), 'ENOENT')
      mkdirSync(root)
      await rejects(to('aufs'), 'ERR_STORE_FOREIGN')
      assert.deepEqual(await readdir(root), [])
      const graph = await open({ root, driver: 'vfs' })
      await graph.create('base')
      await graph.close()
      await rejects(to('aufs'), 'ERR_STORE_OTHER_DRIVER', /vfs/)
    })

    it('has a name that aufs cannot mount', async () => {
      root = join(directory(), 'with:colon')
      const graph = await open({ root, driver: 'overlay' })
      await graph.close()
      await rejects(to('aufs'), 'ERR_DRIVER_PREREQUISITE', /colon|:/)
      assert.equal(stamp()['driver'], 'overlay')
    })

    it('wrong arguments', async () => {
      await rejects(convert('relative', { to: 'aufs' }), 'ERR_INVALID_ARG_VALUE')
      await rejects(to('vfs' as ConvertTarget), 'ERR_INVALID_ARG_VALUE', /options.to/)
      await rejects(to(undefined as unknown as ConvertTarget), 'ERR_INVALID_ARG_TYPE', /options.to/)
      await rejects(convert(root, undefined as unknown as ConvertOptions), 'ERR_INVALID_ARG_TYPE')
      await assert.rejects(to('aufs', { signal: AbortSignal.abort(new Error('no')) }), /no/)
    })
  })
})
