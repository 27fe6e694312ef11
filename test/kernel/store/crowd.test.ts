import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { LONG } from '../../figures.ts'
import { describeOn, workingDrivers } from '../working-drivers.ts'
import { type Outcome, run } from './processes.ts'
import { assertUnlocked, mountsBelow, scratchDirectory, seeded } from './support.ts'

const PROCESSES = LONG ? 8 : 4
const CALLS = LONG ? 5000 : 200
const SEED = 271828

/** The words that start a process of random calls. */
function player(root: string, driver: string, seed: number, count: number): string[] {
  return [join(import.meta.dirname, 'player.mjs'), JSON.stringify({ root, driver, seed, count })]
}

/** A store at rest: its directories say the same as its metadata, and nothing else is there. */
async function assertAtRest(store: GraphDriver): Promise<void> {
  const { root } = store
  const layers = await store.list()
  const ids = layers.map(({ id }) => id)
  for (const directory of ['layers', 'diff', 'mnt']) {
    assert.deepEqual(readdirSync(join(root, directory)).sort(), ids, directory)
  }
  if (store.name === 'overlay') {
    // That of a layer which took a tar is made again at its next mount.
    const strangers = readdirSync(join(root, 'work')).filter((id) => !ids.includes(id))
    assert.deepEqual(strangers, [], 'work')
  }
  for (const { id, parent, fault, held, inUse } of layers) {
    assert.deepEqual({ fault, held, inUse }, { fault: undefined, held: false, inUse: false }, id)
    if (parent !== undefined) assert.ok(ids.includes(parent), `${id} has lost its parent`)
  }
  const parents = layers.filter(({ children }) => children.length > 0)
  assert.deepEqual(
    Object.fromEntries(
      readdirSync(join(root, 'children')).map((id) => [id, readdirSync(join(root, 'children', id)).sort()]),
    ),
    Object.fromEntries(parents.map(({ id, children }) => [id, children])),
  )
  for (const directory of ['staging', 'views'])
    assert.deepEqual(readdirSync(join(root, directory)), [], directory)
  const known = ['layers', 'diff', 'mnt', 'children', 'staging', 'views', 'lock', 'graphdriver.json']
  const more = store.name === 'overlay' ? ['work'] : ['pending']
  const found = readdirSync(root).filter((name) => name !== 'swept')
  assert.deepEqual(found.sort(), [...known, ...more].sort())
  assert.deepEqual(await mountsBelow(root), [])
  await assertUnlocked(root)
}

function assertPlayed({ code, errors }: Outcome): void {
  assert.equal(code, 0, errors)
}

const MODEL = 'model '

/** Compares the layers that each process had to itself with what it says of them. */
async function assertModels(store: GraphDriver, outcomes: readonly Outcome[]): Promise<void> {
  type Model = Record<string, { parent?: string; view: Record<string, string> }>
  const texts = outcomes.flatMap(({ steps }) => steps.filter((line) => line.startsWith(MODEL)))
  assert.equal(texts.length, outcomes.length)
  const models = texts.map((text) => Object.entries(JSON.parse(text.slice(MODEL.length)) as Model)).flat()
  const layers = (await store.list()).filter(({ id }) => id.startsWith('own-'))
  assert.deepEqual(layers.map(({ id }) => id).sort(), models.map(([id]) => id).sort())
  for (const [id, { parent, view }] of models) {
    assert.equal(layers.find((layer) => layer.id === id)?.parent, parent, id)
    const path = await store.get(id, { readOnly: true })
    const found = readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')])
    assert.deepEqual(Object.fromEntries(found), view, id)
    await store.put(id)
  }
  assert.ok(models.length > 0)
}

function countsOf(outcomes: readonly Outcome[]): string {
  const totals = new Map<string, number>()
  for (const line of outcomes.flatMap((outcome) => outcome.steps)) {
    if (line.startsWith(MODEL)) continue
    const [name = '', times] = line.split(': ')
    if (times !== undefined) totals.set(name, (totals.get(name) ?? 0) + Number(times))
  }
  return [...totals.entries()].map(([name, times]) => `${name} ${String(times)}`).join(', ')
}

describe('several processes on one store', function () {
  this.timeout(LONG ? 900_000 : 180_000)
  const scratch = scratchDirectory()

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      it(`${String(PROCESSES)} processes make ${String(CALLS)} random calls each (seed ${String(SEED)})`, async () => {
        const root = scratch.fresh()
        const outcomes = await Promise.all(
          Array.from({ length: PROCESSES }, (_, at) =>
            run(process.execPath, player(root, driver, SEED + at, CALLS)),
          ),
        )
        outcomes.forEach(assertPlayed)
        console.log(`        ${countsOf(outcomes)}`)
        const store = await open({ root, driver })
        // Nobody died: nothing was left to be cleaned up.
        await assertAtRest(store)
        await assertModels(store, outcomes)
        await store.close()
      })

      it('and go on when others are killed', async () => {
        const root = scratch.fresh()
        const random = seeded(SEED)
        let playing = true
        const victims = async (): Promise<number> => {
          let killed = 0
          for (; playing; killed++) {
            const child = spawn(process.execPath, player(root, driver, SEED + 100 + killed, 1_000_000), {
              stdio: ['ignore', 'pipe', 'inherit'],
              env: { ...process.env, NODE_OPTIONS: '' },
            })
            // It prints while it works; it dies somewhere after a few lines.
            let lines = 0
            const last = 1 + Math.floor(random() * 3)
            child.stdout.on('data', () => {
              if (++lines >= last) setTimeout(() => child.kill('SIGKILL'), random() * 10)
            })
            const [code, signal] = await new Promise<unknown[]>((resolve) =>
              child.once('close', (...end) => {
                resolve(end)
              }),
            )
            assert.deepEqual([code, signal], [null, 'SIGKILL'])
          }
          return killed
        }
        const killing = victims()
        const outcomes = await Promise.all(
          [1, 2].map((at) => run(process.execPath, player(root, driver, SEED + 50 + at, CALLS))),
        )
        playing = false
        const killed = await killing
        outcomes.forEach(assertPlayed)
        console.log(`        ${String(killed)} were killed`)
        assert.ok(killed > 0)
        const store = await open({ root, driver })
        assert.deepEqual((await store.cleanup()).busy, [])
        await assertAtRest(store)
        await store.close()
      })
    })
  }

  it('makes one store of a fresh root that all open at once', async () => {
    const [driver = 'vfs'] = workingDrivers
    const root = join(scratch.fresh(), 'with/parents')
    const stores = await Promise.all(Array.from({ length: 6 }, () => open({ root, driver })))
    await stores[0]!.create('one')
    for (const store of stores)
      assert.deepEqual(
        (await store.list()).map(({ id }) => id),
        ['one'],
      )
    await Promise.all(stores.map((store) => store.close()))
  })
})
