import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convert, open } from 'graphdriver'
import { LONG } from '../../figures.ts'
import { makeDockerRoot } from '../../contract/docker.ts'
import { tars } from '../drivers/convert-support.ts'
import { describeAsRoot } from '../namespace.ts'
import {
  describeDisk,
  type DiskKind,
  diskKinds,
  makeDisk,
  mountAfterLoss,
  mountDisk,
  persist,
  placeForDisks,
  unmountDisk,
} from './disk.ts'
import { run } from './processes.ts'
import { codeOf, scratchDirectory } from './support.ts'

/** The power fails at every step of a conversion: the disk is copied there as it is, and each copy is mounted as after the next start. */
describeAsRoot('a loss of power while a store is converted', function () {
  this.timeout(LONG ? 600_000 : 120_000)
  const at = placeForDisks(scratchDirectory().path)
  const program = join(import.meta.dirname, 'convert-worker.mjs')
  const root = at('disk', 'root')
  let points = 0

  after(() => {
    console.log(`      ${String(points)} moments${LONG ? '' : ' (more with GRAPHDRIVER_LONG=1)'}`)
  })

  async function failAtEveryStep(kind: DiskKind, to: 'overlay' | 'aufs'): Promise<void> {
    makeDisk(kind, at('image'))
    mountDisk(kind, at('image'), at('disk'))
    // Docker's own, so it is taken over, too.
    makeDockerRoot(root)
    if (to === 'aufs') await convert(root, { to: 'overlay' })
    const same = await tars(root)
    persist(at('disk'))
    mkdirSync(at('copies'))
    const { code, steps, errors } = await run(process.execPath, [program, root, to, '0'], {
      GRAPHDRIVER_TEST_SNAPSHOTS: JSON.stringify({ image: at('image'), directory: at('copies') }),
    })
    unmountDisk(at('disk'))
    assert.equal(code, 0, errors)
    let state = ''
    for (const [index, step] of [...steps, 'the end'].entries()) {
      mountAfterLoss(kind, at('copies', String(index + 1)), at('disk'), root)
      state = await check(to, same, `${kind.name}, to ${to}, at step ${String(index + 1)}, "${step}"`)
      unmountDisk(at('disk'))
      points++
    }
    assert.equal(state, `ready ${to}`, 'what was answered did not last')
  }

  /** It says what it is, and is finished, or taken back, by converting once more: each tar is the same then. */
  async function check(to: 'overlay' | 'aufs', same: object, where: string): Promise<string> {
    const stamp = join(root, 'graphdriver.json')
    const { state, driver } = existsSync(stamp)
      ? (JSON.parse(readFileSync(stamp, 'utf8')) as Record<string, string>)
      : { state: 'ready', driver: 'aufs' }
    if (state === 'ready') assert.deepEqual(await tars(root), same, where)
    else await assert.rejects(open({ root }), (error) => codeOf(error) === 'ERR_STORE_CONVERTING', where)
    const goal = points % 2 === 0 ? to : to === 'aufs' ? 'overlay' : 'aufs'
    await convert(root, { to: goal })
    assert.deepEqual(await tars(root), same, `${where}, then to ${goal}`)
    return `${String(state)} ${String(driver)}`
  }

  for (const kind of LONG ? diskKinds : diskKinds.slice(0, 1)) {
    describeDisk(kind, at, () => {
      for (const to of ['overlay', 'aufs'] as const) {
        it(`to ${to}`, () => failAtEveryStep(kind, to))
      }
    })
  }
})
