import assert from 'node:assert/strict'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { convert, type GraphDriver, open } from 'graphdriver'
import { docker, makeDockerRoot } from '../../../contract/docker.ts'
import { snapshot } from '../../store/support.ts'
import { describeAufs, openAufs } from './machine.ts'

/** What a mount shows, times of files and directories included, but for the root's: aufs makes files of its own there. */
function shown(path: string): string[] {
  return snapshot(path)
    .filter((line) => !line.includes('.wh.') && !line.startsWith('/'))
    .map((line) => `${line} ${String(lstatSync(join(path, line.split(' ')[0]!), { bigint: true }).mtimeNs)}`)
}

async function tarOf(graph: GraphDriver, id: string): Promise<string> {
  const blocks: Buffer[] = []
  for await (const block of await graph.diff(id)) blocks.push(block as Buffer)
  return Buffer.concat(blocks).toString('latin1')
}

/** Calls `work` with a layer's view; answers what it shows afterwards. */
async function change(graph: GraphDriver, id: string, work: (view: string) => void): Promise<string[]> {
  const view = await graph.get(id)
  work(view)
  await graph.put(id)
  const seen = shown(await graph.get(id))
  await graph.put(id)
  return seen
}

function begin(view: string): void {
  for (const name of ['kept', 'gone', 'merged', 'opaque', 'opaque/sub']) mkdirSync(join(view, name))
  for (const name of [
    'kept/file',
    'gone/file',
    'merged/one',
    'merged/two',
    'opaque/old',
    'opaque/sub/old',
    'file',
    'other',
  ]) {
    writeFileSync(join(view, name), name)
  }
  linkSync(join(view, 'file'), join(view, 'same-file'))
}

function edit(view: string): void {
  rmSync(join(view, 'gone'), { recursive: true })
  unlinkSync(join(view, 'merged/one'))
  unlinkSync(join(view, 'other'))
  rmSync(join(view, 'opaque'), { recursive: true })
  mkdirSync(join(view, 'opaque'))
  writeFileSync(join(view, 'opaque/new'), 'new')
  writeFileSync(join(view, 'merged/three'), 'three')
  renameSync(join(view, 'merged/three'), join(view, 'merged/third'))
}

function editAgain(view: string): void {
  unlinkSync(join(view, 'opaque/new'))
  rmdirSync(join(view, 'opaque'))
  mkdirSync(join(view, 'gone'))
  writeFileSync(join(view, 'gone/again'), 'again')
  unlinkSync(join(view, 'merged/two'))
  writeFileSync(join(view, 'other'), 'other again')
}

describeAufs('a store between aufs and overlay', (directory) => {
  const root = (): string => join(directory(), 'root')

  async function make(graph: GraphDriver): Promise<string[]> {
    await graph.create('a')
    await change(graph, 'a', begin)
    await graph.create('b', { parent: 'a' })
    await change(graph, 'b', edit)
    await graph.create('c', { parent: 'b' })
    return change(graph, 'c', editAgain)
  }

  for (const [first, second] of [
    ['aufs', 'overlay'],
    ['overlay', 'aufs'],
  ] as const) {
    it(`shows on ${second} what it showed on ${first}, and back`, async () => {
      const openAs = (driver: string): Promise<GraphDriver> =>
        driver === 'aufs' ? openAufs(root()) : open({ root: root(), driver })
      const graph = await openAs(first)
      const seen = await make(graph)
      const tars = [await tarOf(graph, 'b'), await tarOf(graph, 'c')]
      await graph.flatten('c', 'flat')
      assert.deepEqual(shown(await graph.get('flat')), seen)
      await graph.close()
      for (const driver of [second, first, second]) {
        await convert(root(), { to: driver })
        const converted = await openAs(driver)
        assert.deepEqual(shown(await converted.get('c')), seen, `on ${driver}`)
        await converted.put('c')
        assert.deepEqual(
          [await tarOf(converted, 'b'), await tarOf(converted, 'c')],
          tars,
          `the tars on ${driver}`,
        )
        await converted.close()
      }
      // And whoever goes on there deletes and adds as before.
      const converted = await openAs(second)
      await converted.create('d', { parent: 'c' })
      const more = await change(converted, 'd', (view) => {
        rmSync(join(view, 'merged'), { recursive: true })
        writeFileSync(join(view, 'new'), 'new')
      })
      await converted.close()
      await convert(root(), { to: first })
      const back = await openAs(first)
      assert.deepEqual(shown(await back.get('d')), more)
      await back.close()
    })
  }

  it('of Docker’s shows the same on both', async () => {
    makeDockerRoot(root())
    const graph = await openAufs(root())
    const seen = shown(await graph.get(docker.top))
    assert.ok(
      seen.some((line) => line.startsWith('bin/tool')) && !seen.some((line) => line.startsWith('tmp')),
      seen.join(),
    )
    await graph.close()
    await convert(root(), { to: 'overlay' })
    const overlay = await open({ root: root() })
    assert.equal(overlay.name, 'overlay')
    assert.deepEqual(shown(await overlay.get(docker.top)), seen)
    assert.deepEqual(readdirSync(join(root(), 'mnt')).length, 4)
    await overlay.close()
  })
})
