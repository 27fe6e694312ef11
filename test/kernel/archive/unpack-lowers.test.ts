import assert from 'node:assert/strict'
import { chownSync, lstatSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { AT_FDCWD, mknodatSync, removeTreeSync, setxattrSync } from 'graphdriver/sys'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { directory, file, symlink } from '../../native/tarbytes.ts'
import { describeMounts } from '../namespace.ts'
import { allDrivers, itOn } from '../working-drivers.ts'
import { apply, look, onTmpfs, times } from './unpack-support.ts'

const unions = ['overlay', 'overlay-user', 'aufs'] as const
const S_IFCHR = 0o020000

/** A directory of a layer that is not as others are. */
function special(path: string, uid: number): void {
  mkdirSync(path, { recursive: true, mode: 0o711 })
  setxattrSync(path, 'trusted.mark', Buffer.from(String(uid)))
  chownSync(path, uid, 7)
  utimesSync(path, uid, uid)
}

function whiteout(form: LayerForm, at: string, name: string): void {
  mkdirSync(at, { recursive: true })
  if (form === 'aufs') writeFileSync(join(at, `.wh.${name}`), '', { mode: 0o444 })
  else mknodatSync(AT_FDCWD, join(at, name), S_IFCHR, 0, 0)
}

function opaque(form: LayerForm, path: string): void {
  mkdirSync(path, { recursive: true })
  if (form === 'aufs') writeFileSync(join(path, '.wh..wh..opq'), '', { mode: 0o444 })
  else setxattrSync(path, `${form === 'overlay' ? 'trusted' : 'user'}.overlay.opaque`, Buffer.from('y'))
}

describeMounts('unpack: directories that no entry is about', (top) => {
  for (const form of onTmpfs(unions)) {
    describe(form, () => {
      const at = (...names: string[]): string => join(top(), ...names)
      const layer = (): string => at('layer')
      const lowers = (): string[] => ['l1', 'l2', 'l3'].map((name) => at(name))
      const shown = 'directory 711 5:7 trusted.mark=5'

      beforeEach(() => {
        for (const path of lowers()) mkdirSync(path)
        special(at('l2/a/b'), 5)
        special(at('l2/a'), 4)
        special(at('l3/a/b'), 6)
        special(at('l3/x'), 5)
      })
      const unpacked = async (...parts: Buffer[]): Promise<Record<string, string>> => {
        await apply(layer(), parts, { form, lowers: lowers() })
        return look(layer())
      }

      it('look as the nearest layer has them, their times too', async () => {
        const seen = await unpacked(file('a/b/f'), file('x/g'), file('new/h'))
        assert.equal(seen['a'], 'directory 711 4:7 trusted.mark=4')
        assert.deepEqual([seen['a/b'], seen['x'], seen['new']], [shown, shown, 'directory 755'])
        assert.deepEqual(
          times(layer(), 'a', 'a/b', 'x'),
          [4n, 5n, 5n].map((time) => time * 10n ** 9n),
        )
      })
      it('look as their entry says, when there is one, before or after', async () => {
        const entry = directory('x/', { mode: 0o700, uid: 9, mtime: 3 })
        for (const parts of [
          [entry, file('x/f')],
          [file('x/f'), entry],
        ]) {
          assert.equal((await unpacked(...parts))['x'], 'directory 700 9:0')
          assert.deepEqual(times(layer(), 'x'), [3_000_000_000n])
          removeTreeSync(layer())
        }
      })
      it('are new where a layer between hides them', async () => {
        whiteout(form, at('l1'), 'x')
        opaque(form, at('l1/a'))
        const seen = await unpacked(file('a/b/f'), file('x/g'))
        assert.deepEqual([seen['a/b'], seen['x']], ['directory 755', 'directory 755'])
        assert.equal(seen['a'], 'directory 755', 'the opaque one is shown itself')
      })
      it('are new where a layer between has a file, or a link', async () => {
        writeFileSync(at('l1/x'), '')
        writeFileSync(at('l1/a'), '')
        const seen = await unpacked(file('a/b/f'), file('x/g'))
        assert.deepEqual([seen['a'], seen['a/b'], seen['x']], Array<string>(3).fill('directory 755'))
      })
      it('are new where this layer hides what is below', async () => {
        const hidden = await unpacked(
          file('.wh.x'),
          file('x/g'),
          directory('a'),
          file('a/.wh..wh..opq'),
          file('a/b/f'),
        )
        assert.match(hidden['x']!, /^directory 755/)
        assert.equal(hidden['a/b'], 'directory 755')
        assert.ok(!JSON.stringify(hidden).includes('mark'))
      })
      it('are found by way of a link of this layer, where that leads', async () => {
        const seen = await unpacked(symlink('to', 'a/b'), file('to/f'))
        assert.deepEqual([seen['a/b'], seen['a']], [shown, 'directory 711 4:7 trusted.mark=4'])
      })
      it('have no time of the clock where they are new: a tar makes the same layer whenever it comes in', async () => {
        whiteout(form, at('l1'), 'x')
        await unpacked(file('new/deep/f'), file('x/.wh.g'), file('.wh.a'), file('a/f'))
        assert.deepEqual(times(layer(), 'new', 'new/deep', 'x', 'a'), Array<bigint>(4).fill(0n))
      })
      it('are new where all of a path is missing only in part', async () => {
        const seen = await unpacked(file('a/none/f'), file('a/b/none/f'))
        assert.deepEqual(
          [seen['a/none'], seen['a/b'], seen['a/b/none']],
          ['directory 755', shown, 'directory 755'],
        )
      })
    })
  }
})

describeMounts('a layer whose tar leaves directories out', () => {
  for (const driver of allDrivers) {
    itOn(driver, `${driver}: shows them as they were`, async () => {
      const root = mkdtempSync(join(tmpdir(), 'lowers-'))
      const graph = await open({ root, driver, sync: 'none' })
      try {
        const base = { name: 'd/', type: 'directory' as const, mode: 0o1777, uid: 5, gid: 6 }
        await graph.create('base', { from: fromEntries([base]) })
        const tar = () => fromEntries([{ name: 'd/f', type: 'file' }])
        await graph.create('middle', { parent: 'base', from: tar() })
        await graph.create('top', { parent: 'middle' })
        await graph.applyDiff('top', tar())
        const { mode, uid, gid } = lstatSync(join(await graph.get('top'), 'd'))
        assert.deepEqual([mode & 0o7777, uid, gid], [0o1777, 5, 6])
        await graph.put('top')
      } finally {
        await graph.close()
        removeTreeSync(root)
      }
    })
  }
})
