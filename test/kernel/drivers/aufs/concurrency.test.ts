import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { list } from 'graphdriver/mount'
import { aufsUnions } from 'graphdriver/sys'
import { LONG } from '../../../figures.ts'
import { chain, describeAufs, ids, openAufs } from './machine.ts'

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** Names of tables, wherever they may be. */
function tables(root: string): string[] {
  return ['/run/graphdriver', join(root, 'xino')].flatMap((path) =>
    existsSync(path) ? readdirSync(path) : [],
  )
}

describeAufs('aufs under load', (directory) => {
  const root = (): string => join(directory(), 'root')

  async function prepare(depth: number): Promise<string> {
    const graph = await openAufs(root())
    const layers = ids(depth)
    await chain(graph, layers)
    for (const id of layers) writeFileSync(join(root(), 'diff', id, id), id)
    await graph.close()
    return layers.at(-1)!
  }

  function start(word: string, parent: string, ...rest: string[]): ChildProcess {
    return fork(worker, [root(), word, parent, ...rest], { execArgv: [] })
  }

  async function result(child: ChildProcess): Promise<string[]> {
    for (;;) {
      const [message] = (await once(child, 'message')) as [unknown]
      if (typeof message === 'object') return (message as { failures: string[] }).failures
    }
  }

  it('16 mounts at once in one process', async function () {
    this.timeout(600_000)
    const parent = await prepare(20)
    const graph = await openAufs(root())
    const own = ids(16, 'own')
    await Promise.all(own.map((id) => graph.create(id, { parent })))
    for (let round = 0; round < (LONG ? 188 : 4); round++) {
      const paths = await Promise.all(own.map((id) => graph.get(id)))
      for (const path of paths) assert.equal(readdirSync(path).length, 20)
      await Promise.all(own.map((id) => graph.put(id)))
    }
    await graph.close()
    assert.deepEqual(await aufsUnions(), [])
    assert.deepEqual(tables(root()), [])
  })

  it(`4 processes at once, ${LONG ? '250 mounts' : '32 mounts'} each`, async function () {
    this.timeout(1_800_000)
    const parent = await prepare(20)
    const children = ids(4, 'process').map((word) => start(word, parent, LONG ? '250' : '32'))
    const failures = (await Promise.all(children.map(result))).flat()
    assert.deepEqual(failures, [])
    assert.deepEqual(await aufsUnions(), [])
    assert.deepEqual(tables(root()), [])
  })

  it('kill -9 in the middle of mounting leaves no table, no lock and no half-built union', async function () {
    this.timeout(1_800_000)
    const parent = await prepare(100)
    for (let round = 0; round < (LONG ? 30 : 6); round++) {
      const word = `killed${String(round)}`
      const child = start(word, parent, '0', 'hold')
      await once(child, 'message')
      await sleep(20 + 15 * round)
      child.kill('SIGKILL')
      await once(child, 'exit')
      assert.deepEqual(tables(root()), [])
      const graph = await openAufs(root())
      for (let number = 0; number < 16; number++) {
        const id = `${word}-${String(number)}`
        // It may have died before it made this one.
        if (!(await graph.exists(id))) continue
        assert.equal(readdirSync(await graph.get(id)).length, 100, id)
        await graph.put(id)
        await graph.remove(id)
      }
      await graph.close()
      assert.deepEqual(await list({ prefix: root() }), [])
      assert.deepEqual(await aufsUnions(), [])
    }
  })
})
