import assert from 'node:assert/strict'
import {
  appendFile,
  chmod,
  link,
  mkdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import type { GraphDriver } from 'graphdriver'
import { setxattr, getxattr } from 'graphdriver/sys'
import { names, snapshot, stack, text, useStore, within } from '../support.ts'

/** What is seen through a layer: its ancestors' files and its own changes of them. */
export function visible(driver: string): void {
  describe('a layer shows', () => {
    const store = useStore(driver)

    async function base(graph: GraphDriver): Promise<void> {
      await graph.create('base')
      await within(graph, 'base', async (path) => {
        await mkdir(join(path, 'etc/deep/er'), { recursive: true })
        await writeFile(join(path, 'etc/hosts'), 'localhost')
        await writeFile(join(path, 'etc/deep/er/file'), 'deep')
        await writeFile(join(path, 'big'), Buffer.alloc(200_000, 'b'))
        await symlink('hosts', join(path, 'etc/link'))
        await chmod(join(path, 'etc/hosts'), 0o640)
      })
    }

    /** Makes a layer above another and changes something in it. */
    async function above(
      parent: string,
      id: string,
      change: (path: string) => Promise<unknown>,
    ): Promise<void> {
      await store.graph.create(id, { parent })
      await within(store.graph, id, change)
    }

    it('the files of all its ancestors', async () => {
      const ids = ['one', 'two', 'three', 'four', 'five']
      await stack(store.graph, ids, (path, id) => writeFile(join(path, id), id))
      await within(store.graph, 'five', async (path) => {
        assert.deepEqual(await names(path), [...ids].sort())
        for (const id of ids) assert.equal(await text(join(path, id)), id)
      })
      await within(store.graph, 'three', async (path) => {
        assert.deepEqual(await names(path), ['one', 'three', 'two'])
      })
    })

    it('the nearest of several files of one name', async () => {
      const ids = ['one', 'two', 'three', 'four']
      await stack(store.graph, ids, (path, id) => writeFile(join(path, 'same'), id))
      for (const id of ids) {
        await within(store.graph, id, async (path) => {
          assert.equal(await text(join(path, 'same')), id)
        })
      }
    })

    it('links, modes and directories as they are below', async () => {
      await base(store.graph)
      await above('base', 'top', async (path) => {
        assert.equal(await readlink(join(path, 'etc/link')), 'hosts')
        assert.equal(await text(join(path, 'etc/link')), 'localhost')
        assert.equal((await stat(join(path, 'etc/hosts'))).mode & 0o7777, 0o640)
        assert.equal(await text(join(path, 'etc/deep/er/file')), 'deep')
      })
    })

    it('no file that it or an ancestor deleted', async () => {
      await base(store.graph)
      const lower = await snapshot(store.at('diff', 'base'))
      await above('base', 'middle', (path) => rm(join(path, 'etc/hosts')))
      await above('middle', 'top', async (path) => {
        assert.deepEqual(await names(join(path, 'etc')), ['deep', 'link'])
        await rm(join(path, 'big'))
        assert.deepEqual(await names(path), ['etc'])
      })
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(path), ['etc'])
      })
      assert.deepEqual(await snapshot(store.at('diff', 'base')), lower)
    })

    it('a file again that was deleted below and made anew', async () => {
      await base(store.graph)
      await above('base', 'middle', (path) => rm(join(path, 'etc/hosts')))
      await above('middle', 'top', (path) => writeFile(join(path, 'etc/hosts'), 'new'))
      await within(store.graph, 'top', async (path) => {
        assert.equal(await text(join(path, 'etc/hosts')), 'new')
      })
    })

    it('only the new contents of a directory that was deleted and made anew', async () => {
      await base(store.graph)
      const lower = await snapshot(store.at('diff', 'base'))
      await above('base', 'middle', async (path) => {
        await rm(join(path, 'etc'), { recursive: true })
        await mkdir(join(path, 'etc'))
        await writeFile(join(path, 'etc/only'), '')
      })
      await above('middle', 'top', async (path) => {
        assert.deepEqual(await names(join(path, 'etc')), ['only'])
        await writeFile(join(path, 'etc/more'), '')
      })
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(join(path, 'etc')), ['more', 'only'])
      })
      assert.deepEqual(await snapshot(store.at('diff', 'base')), lower)
    })

    it('a file where a directory was, and a directory where a file was', async () => {
      await base(store.graph)
      await above('base', 'top', async (path) => {
        await rm(join(path, 'etc'), { recursive: true })
        await writeFile(join(path, 'etc'), 'a file now')
        await rm(join(path, 'big'))
        await mkdir(join(path, 'big'))
        await writeFile(join(path, 'big/inside'), '')
      })
      await within(store.graph, 'top', async (path) => {
        assert.equal(await text(join(path, 'etc')), 'a file now')
        assert.deepEqual(await names(join(path, 'big')), ['inside'])
      })
    })

    it('changes as its own: what is below stays byte for byte', async () => {
      await base(store.graph)
      const lower = await snapshot(store.at('diff', 'base'))
      await above('base', 'top', async (path) => {
        await appendFile(join(path, 'etc/hosts'), ' and more')
        await appendFile(join(path, 'big'), 'x')
        await chmod(join(path, 'etc/deep'), 0o700)
        await setxattr(join(path, 'etc/deep/er/file'), 'user.mark', Buffer.from('m'))
        await rename(join(path, 'etc/link'), join(path, 'link'))
        await link(join(path, 'big'), join(path, 'second'))
      })
      await within(store.graph, 'top', async (path) => {
        assert.equal(await text(join(path, 'etc/hosts')), 'localhost and more')
        assert.equal((await stat(join(path, 'etc/hosts'))).mode & 0o7777, 0o640)
        assert.equal((await stat(join(path, 'big'))).size, 200_001)
        assert.equal((await stat(join(path, 'etc/deep'))).mode & 0o7777, 0o700)
        assert.deepEqual(await getxattr(join(path, 'etc/deep/er/file'), 'user.mark'), Buffer.from('m'))
        assert.deepEqual(await names(path), ['big', 'etc', 'link', 'second'])
        const [one, other] = [await stat(join(path, 'big')), await stat(join(path, 'second'))]
        assert.deepEqual([one.ino, one.nlink], [other.ino, 2])
      })
      assert.deepEqual(await snapshot(store.at('diff', 'base')), lower)
    })

    it('nothing of what a sibling did', async () => {
      await base(store.graph)
      await above('base', 'left', (path) => writeFile(join(path, 'left'), ''))
      await above('base', 'right', async (path) => {
        assert.deepEqual(await names(path), ['big', 'etc'])
        await rm(join(path, 'big'))
      })
      await within(store.graph, 'left', async (path) => {
        assert.deepEqual(await names(path), ['big', 'etc', 'left'])
      })
    })

    it('names that are strange, and those that other unions reserve', async () => {
      const strange = [
        'with space',
        'comma,colon:',
        'back\\slash',
        'tab\t',
        'line\n',
        'ünïcödé',
        '-dash',
        '.hidden',
      ]
      await stack(store.graph, ['base', 'top'], (path, id) =>
        id === 'base'
          ? Promise.all(strange.map((name) => writeFile(join(path, name), name))).then(() => undefined)
          : rm(join(path, 'comma,colon:')),
      )
      await within(store.graph, 'top', async (path) => {
        const left = strange.filter((name) => name !== 'comma,colon:')
        assert.deepEqual(await names(path), [...left].sort())
        for (const name of left) assert.equal(await text(join(path, name)), name)
      })
    })
  })
}
