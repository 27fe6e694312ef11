import assert from 'node:assert/strict'
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drivers, open, probe } from 'graphdriver'
import { mountSync } from 'graphdriver/sys'
import { anotherDriver, names, privileged, rejects, useStore } from '../support.ts'

export function opening(driver: string): void {
  describe('open', () => {
    const store = useStore(driver, false)

    it('makes a missing root and its parents, and what belongs in it', async () => {
      store.root = store.at('some', 'where', 'else')
      const graph = await store.open()
      assert.equal(graph.name, driver)
      assert.equal(graph.root, store.root)
      const found = await names(store.root)
      for (const name of [
        'layers',
        'diff',
        'mnt',
        'children',
        'staging',
        'views',
        'lock',
        'graphdriver.json',
      ]) {
        assert.ok(found.includes(name), `${name} in ${found.join(' ')}`)
      }
      assert.equal((await stat(store.root)).mode & 0o7777, 0o700)
    })

    it('lets a group pass through the root, without reading it', async () => {
      const group = privileged ? 12_345 : 0
      await store.open({ group })
      for (const name of ['.', 'diff', 'mnt', 'views']) {
        const { mode, gid } = await stat(store.at(name))
        assert.deepEqual([(mode & 0o7777).toString(8), gid], ['710', group], name)
      }
    })

    it('opens a root a second time in the same process', async () => {
      const [first, second] = [await store.open(), await store.open()]
      await first.create('seen')
      assert.equal(await second.exists('seen'), true)
      await first.close()
      await second.remove('seen')
    })

    it('opens a root a second time in another process', async () => {
      const graph = await store.open()
      await graph.create('seen')
      const other = await store.elsewhere()
      assert.deepEqual(
        (await other.list()).map(({ id }) => id),
        ['seen'],
      )
    })

    it('refuses a root of another driver by name, and leaves it alone', async () => {
      await (await store.open()).close()
      const stamp = await readFile(store.at('graphdriver.json'), 'utf8')
      const wrong = anotherDriver(driver)
      const error = await rejects(open({ root: store.root, driver: wrong }), 'ERR_STORE_OTHER_DRIVER')
      assert.match(error.message, new RegExp(`"${driver}".*"${wrong}"`))
      await rejects(open({ root: store.root, driver: wrong, readOnly: true }), 'ERR_STORE_OTHER_DRIVER')
      assert.equal(await readFile(store.at('graphdriver.json'), 'utf8'), stamp)
    })

    it('goes on with the driver that the root has, when none is named', async () => {
      await (await store.open()).close()
      await using graph = await open({ root: store.root })
      assert.equal(graph.name, driver)
    })

    it('takes the first driver that works, when none is named and the root is new', async () => {
      const first = (await probe(store.root)).find(({ supported }) => supported)!.driver
      await using graph = await open({ root: store.at('new') })
      assert.equal(graph.name, first)
      assert.ok(drivers().indexOf(first) <= drivers().indexOf(driver))
    })

    for (const sync of ['none', 'metadata', 'full'] as const) {
      it(`works with sync '${sync}'`, async () => {
        const graph = await store.open({ sync })
        await graph.create('base')
        await graph.create('top', { parent: 'base' })
        await writeFile(join(await graph.get('top'), 'file'), 'text')
        await graph.put('top')
        await graph.remove('top')
        assert.equal(await graph.exists('top'), false)
      })
    }

    it('resolves a root that is a link once', async () => {
      await mkdir(store.at('real'))
      await symlink('real', store.at('link'))
      await using graph = await open({ root: store.at('link'), driver })
      assert.equal(graph.root, store.at('real'))
    })

    it('leaves nothing of its trials, and takes away those of the dead, mounts included', async () => {
      const left = store.at('.graphdriver-probe-4194305-abcdef')
      await mkdir(join(left, 'merged'), { recursive: true })
      mountSync('none', join(left, 'merged'), 'tmpfs')
      await store.open()
      await probe(store.root)
      assert.deepEqual(
        (await names(store.root)).filter((name) => name.startsWith('.')),
        [],
      )
    })
  })
}
