import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convert, type ConvertTarget, open } from 'graphdriver'
import { LONG } from '../../figures.ts'
import { makeDockerRoot } from '../../contract/docker.ts'
import { skip } from '../../skip.ts'
import { type Outcome, run } from './processes.ts'
import { codeOf, inParallel, scratchDirectory, snapshot } from './support.ts'

/** The tar of each layer, as whoever may only look at it gets it. */
async function tars(root: string): Promise<string[]> {
  await using graph = await open({ root, readOnly: true })
  const found: string[] = []
  for (const { id } of await graph.list()) {
    const blocks: Buffer[] = []
    for await (const block of await graph.diff(id)) blocks.push(block as Buffer)
    found.push(`${id} ${Buffer.concat(blocks).toString('latin1')}`)
  }
  return found
}

/** What a store holds, but for what aufs keeps for itself: a conversion that is taken back may have dropped that. */
const contents = (root: string): string[] =>
  snapshot(root).filter((line) => /^(diff|layers|work)\//.test(line) && !/\.wh\.\.wh\.(?!\.opq)/.test(line))

describe('a conversion killed', function () {
  this.timeout(LONG ? 600_000 : 120_000)
  const scratch = scratchDirectory()
  let killer: string | undefined
  let points = 0
  const program = join(import.meta.dirname, 'convert-worker.mjs')

  before(() => {
    const library = join(scratch.path, 'killer.so')
    try {
      execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, join(import.meta.dirname, 'killer.c')], {
        stdio: 'pipe',
      })
      killer = library
    } catch {
      // The cases that need it are skipped.
    }
  })
  after(() => {
    console.log(`      ${String(points)} kill points`)
  })

  /** A store in the form from which the conversion starts. */
  async function prepared(to: ConvertTarget): Promise<string> {
    const root = scratch.fresh()
    // Docker's own, so it is taken over, too.
    makeDockerRoot(root)
    if (to === 'aufs') await convert(root, { to: 'overlay' })
    return root
  }

  function copyOf(root: string): string {
    const copy = scratch.fresh()
    execFileSync('cp', ['-a', root, copy])
    return copy
  }

  async function worker(
    root: string,
    to: ConvertTarget,
    step: number,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Outcome> {
    return run(process.execPath, [program, root, to, String(step)], env)
  }

  /** What has to hold after a death: it says what it is, and is finished, or taken back, by converting once more. */
  async function check(
    root: string,
    to: ConvertTarget,
    where: string,
    expected: Record<ConvertTarget, string[]>,
    same: string[],
  ): Promise<void> {
    const stamp = join(root, 'graphdriver.json')
    const state = existsSync(stamp)
      ? (JSON.parse(readFileSync(stamp, 'utf8')) as { state: string }).state
      : undefined
    if (state === 'converting') {
      for (const readOnly of [true, false]) {
        await assert.rejects(
          open({ root, readOnly }),
          (error) => codeOf(error) === 'ERR_STORE_CONVERTING',
          where,
        )
      }
    } else {
      assert.deepEqual(await tars(root), same, where)
    }
    points++
    const goal = points % 2 === 0 ? to : to === 'aufs' ? 'overlay' : 'aufs'
    await convert(root, { to: goal })
    assert.deepEqual(await tars(root), same, `${where}, then to ${goal}`)
    assert.deepEqual(contents(root), expected[goal], `${where}, then to ${goal}`)
  }

  for (const to of ['overlay', 'aufs'] as const) {
    async function states(): Promise<{
      root: string
      same: string[]
      expected: Record<ConvertTarget, string[]>
    }> {
      const root = await prepared(to)
      const from = to === 'aufs' ? 'overlay' : 'aufs'
      const whole = copyOf(root)
      const before = contents(root)
      await convert(whole, { to })
      const same = await tars(root)
      assert.deepEqual(await tars(whole), same)
      return {
        root,
        same,
        expected: { [to]: contents(whole), [from]: before } as Record<ConvertTarget, string[]>,
      }
    }

    it(`at every step, to ${to}`, async () => {
      const { root, same, expected } = await states()
      const { code, steps, errors } = await worker(copyOf(root), to, 0)
      assert.equal(code, 0, errors)
      assert.ok(steps.includes('marked as converting') && steps.length > 8, steps.join())
      await inParallel(steps, async (step, index) => {
        const copy = copyOf(root)
        const outcome = await worker(copy, to, index + 1)
        assert.equal(outcome.signal, 'SIGKILL', outcome.errors)
        await check(copy, to, `killed at step ${String(index + 1)}, "${step}"`, expected, same)
      })
    })

    it(`before every system call of the addon’s that changes something, to ${to}`, async function () {
      if (killer === undefined)
        skip(
          this,
          'what kills between two system calls cannot be compiled here: it takes a C compiler, and x86-64',
        )
      const { root, same, expected } = await states()
      const count = join(scratch.path, `count-${to}`)
      const preload = { LD_PRELOAD: killer }
      const { code, errors } = await worker(copyOf(root), to, 0, {
        ...preload,
        KILL_AT: '-1',
        KILL_COUNT: count,
      })
      assert.equal(code, 0, errors)
      const calls = Number(readFileSync(count, 'utf8'))
      assert.ok(calls > 20, `it makes ${String(calls)} such calls`)
      await inParallel(Array.from({ length: calls }), async (_, index) => {
        const copy = copyOf(root)
        const outcome = await worker(copy, to, 0, { ...preload, KILL_AT: String(index + 1) })
        assert.equal(outcome.signal, 'SIGKILL', outcome.errors)
        await check(copy, to, `killed before call ${String(index + 1)}`, expected, same)
      })
    })
  }
})
