import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { open, probe } from 'graphdriver'
import { MS_RDONLY, MS_REMOUNT, mountSync, umount2Sync } from 'graphdriver/sys'
import { names, rejects, snapshot, stack, useStore } from '../../contract/support.ts'
import { describeMounts } from '../namespace.ts'
import { runScript } from './support.ts'

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

const opening = `
  import { open } from 'graphdriver'
  const [, root, driver, readOnly] = process.argv
  try {
    const graph = await open({ root, driver, readOnly: readOnly === 'yes' })
    console.log((await graph.list()).length)
  } catch (error) {
    console.log(error.code, error.message)
  }
`

for (const driver of ['overlay', 'vfs']) {
  describeMounts(`open of a root of ${driver}`, () => {
    const store = useStore(driver, false)

    it('on a filesystem that became read-only is refused, and can be read', async () => {
      await mkdir(store.at('disk'))
      mountSync('none', store.at('disk'), 'tmpfs')
      try {
        const root = store.at('disk', 'root')
        const first = await open({ root, driver })
        await stack(first, ['base', 'top'])
        await first.close()
        mountSync(null, store.at('disk'), null, MS_REMOUNT | MS_RDONLY)
        const before = await snapshot(root)
        await rejects(open({ root, driver }), 'EROFS', /readOnly: true/)
        await rejects(probe(root), 'EROFS')
        await using graph = await open({ root, driver, readOnly: true })
        assert.deepEqual((await graph.list()).length, 2)
        assert.ok((await graph.mounts('top')).length > 0)
        assert.deepEqual(await snapshot(root), before)
      } finally {
        umount2Sync(store.at('disk'))
      }
    })

    it('that is full is refused, and nothing is left', async () => {
      await mkdir(store.at('disk'))
      mountSync('none', store.at('disk'), 'tmpfs', 0, 'nr_inodes=2')
      try {
        await rejects(open({ root: store.at('disk'), driver }), 'ENOSPC')
        await rejects(open({ root: store.at('disk', 'root'), driver }), 'ENOSPC')
      } finally {
        umount2Sync(store.at('disk'))
      }
    })

    it('where an ordinary user may not write is refused to him', async () => {
      await mkdir(store.at('closed'), { mode: 0o755 })
      await chmod(store.root, 0o755)
      for (const root of [store.at('closed'), store.at('closed', 'new')]) {
        const { output } = await runScript(nobody, opening, root, driver, 'no')
        assert.match(output, /^EACCES .*readOnly: true/)
      }
      assert.deepEqual(await names(store.at('closed')), [])
    })

    it('of root is refused to an ordinary user, and he may not read it either', async () => {
      await stack(await store.open(), ['base', 'top'])
      for (const readOnly of ['no', 'yes']) {
        const { output } = await runScript(nobody, opening, store.root, driver, readOnly)
        assert.match(output, /^EACCES /)
      }
    })
  })
}
