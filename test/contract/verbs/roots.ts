import assert from 'node:assert/strict'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open, probe, type OpenOptions } from 'graphdriver'
import { MS_RDONLY, mountSync, umount2Sync } from 'graphdriver/sys'
import { names, rejects, snapshot, text, useStore } from '../support.ts'

/** Roots that cannot be one, and options that cannot be meant. */
export function roots(driver: string): void {
  describe('open refuses', () => {
    const store = useStore(driver, false)
    const openAt = (...parts: string[]): Promise<unknown> => open({ root: store.at(...parts), driver })

    it('a root that is a file, and one below a file', async () => {
      await writeFile(store.at('file'), 'kept')
      await rejects(openAt('file'), 'ENOTDIR')
      await rejects(openAt('file', 'below'), 'ENOTDIR')
      assert.equal(await text(store.at('file')), 'kept')
    })

    it('a root on a filesystem that is read-only', async () => {
      await mkdir(store.at('mounted'))
      mountSync('none', store.at('mounted'), 'tmpfs', MS_RDONLY)
      try {
        await rejects(openAt('mounted', 'root'), 'EROFS')
        await rejects(openAt('mounted'), 'EROFS')
      } finally {
        umount2Sync(store.at('mounted'))
      }
    })

    it('a link that leads nowhere', async () => {
      await symlink('nowhere', store.at('link'))
      await rejects(openAt('link'), 'ENOENT')
      assert.deepEqual(await names(store.root), ['link'])
    })

    it('links in a circle', async () => {
      await symlink('circle', store.at('circle'))
      await rejects(openAt('circle'), 'ELOOP')
    })

    it("a directory whose 'diff' holds files of somebody's", async () => {
      await mkdir(store.at('diff', 'mine'), { recursive: true })
      await writeFile(store.at('diff', 'mine', 'file'), 'kept')
      await chmod(store.root, 0o755)
      const before = await snapshot(store.at('diff'))
      await rejects(openAt(), 'ERR_STORE_FOREIGN', /diff/)
      assert.deepEqual(await snapshot(store.at('diff')), before)
      assert.deepEqual(await names(store.root), ['diff'])
    })

    const stamps: [title: string, text: string][] = [
      ['of a later format', '{"format":2,"driver":"NAME","xattrs":null,"state":"ready"}'],
      ['that was cut', '{"format":1,"driv'],
      ['that is empty', ''],
      ['that is no object', '[]'],
      ['of an unknown state', '{"format":1,"driver":"NAME","xattrs":null,"state":"converting"}'],
      ['of unknown xattrs', '{"format":1,"driver":"NAME","xattrs":"security","state":"ready"}'],
    ]
    for (const [title, stamp] of stamps) {
      it(`a stamp ${title}`, async () => {
        await (await store.open()).close()
        await writeFile(store.at('graphdriver.json'), stamp.replace('NAME', driver))
        const before = await snapshot(store.root)
        await rejects(openAt(), 'ERR_STORE_VERSION', /graphdriver\.json/)
        await rejects(open({ root: store.root, readOnly: true }), 'ERR_STORE_VERSION')
        assert.deepEqual(await snapshot(store.root), before)
      })
    }

    it('a driver that nobody has registered', async () => {
      await rejects(open({ root: store.root, driver: 'btrfs' }), 'ERR_DRIVER_UNKNOWN', /overlay, vfs/)
    })

    const wrong: [title: string, options: Record<string, unknown>, code: string][] = [
      ['a relative root', { root: 'relative/path' }, 'ERR_INVALID_ARG_VALUE'],
      ['an empty root', { root: '' }, 'ERR_INVALID_ARG_VALUE'],
      ['a root with a null byte', { root: '/tmp/a\0b' }, 'ERR_INVALID_ARG_VALUE'],
      ['a root that is a number', { root: 7 }, 'ERR_INVALID_ARG_TYPE'],
      ['no root', { root: undefined }, 'ERR_INVALID_ARG_TYPE'],
      ['a driver that is no string', { driver: 7 }, 'ERR_INVALID_ARG_TYPE'],
      ['readOnly that is no boolean', { readOnly: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
      ['a group that is no number', { group: 'staff' }, 'ERR_INVALID_ARG_TYPE'],
      ['a group below zero', { group: -1 }, 'ERR_OUT_OF_RANGE'],
      ['an unknown sync', { sync: 'always' }, 'ERR_INVALID_ARG_VALUE'],
      ['unknown options of the driver', { [driver]: { bogus: 1 } }, 'ERR_INVALID_ARG_VALUE'],
      ['options of the driver that are no object', { [driver]: 'fast' }, 'ERR_INVALID_ARG_TYPE'],
    ]
    for (const [title, options, code] of wrong) {
      it(`${title}: ${code}`, async () => {
        const given = { root: store.at('new'), driver, ...options } as unknown as OpenOptions
        await rejects(open(given), code)
        assert.deepEqual(await names(store.root), [])
      })
    }

    it('options that are no object', async () => {
      await rejects(open(null as unknown as OpenOptions), 'ERR_INVALID_ARG_TYPE')
      await rejects(open('/tmp' as unknown as OpenOptions), 'ERR_INVALID_ARG_TYPE')
      await rejects(probe('relative'), 'ERR_INVALID_ARG_VALUE')
    })
  })

  describe('probe', () => {
    const store = useStore(driver, false)

    it('says that this driver works, and leaves nothing', async () => {
      const report = (await probe(store.root)).find((one) => one.driver === driver)
      assert.equal(report?.supported, true)
      assert.ok(Object.keys(report.features).length > 0)
      assert.deepEqual(await names(store.root), [])
    })

    it('tries the nearest directory that exists', async () => {
      const reports = await probe(store.at('not', 'there'))
      assert.equal(reports.find((one) => one.driver === driver)?.supported, true)
      assert.deepEqual(await names(store.root), [])
    })

    it('says why a driver does not work, each with its own reason', async () => {
      const working = (await probe(store.root)).filter((one) => one.supported).map((one) => one.driver)
      await mkdir(join(store.root, 'ramfs'))
      mountSync('none', store.at('ramfs'), 'ramfs')
      try {
        for (const { driver: name, supported, code, reason } of await probe(store.at('ramfs'))) {
          assert.equal(supported, name === 'vfs', name)
          if (supported || !working.includes(name)) continue
          assert.equal(code, 'ERR_DRIVER_BACKING_FS', name)
          assert.match(reason ?? '', /ramfs/)
          const error = await rejects(open({ root: store.at('ramfs', 'r'), driver: name }), code)
          assert.match(error.message, /ramfs/)
        }
        assert.deepEqual(await names(store.at('ramfs')), [])
      } finally {
        umount2Sync(store.at('ramfs'))
      }
    })
  })
}
