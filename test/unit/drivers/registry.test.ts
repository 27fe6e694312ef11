import assert from 'node:assert/strict'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  drivers,
  open,
  probe,
  register,
  type Driver,
  type DriverFactory,
  type OpenOptions,
} from 'graphdriver'

/** A driver that shows the bare directories, or refuses to work. */
function plain(name: string, change: Partial<Driver> = {}): Driver {
  return {
    name,
    whiteouts: 'none',
    directories: [],
    xattrs: null,
    maxLowers: 3,
    probe: () => Promise.resolve({ driver: name, supported: true, features: { Kind: 'plain' } }),
    plan: () => undefined,
    ...change,
  }
}

function codeIs(code: string, words = /./): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as NodeJS.ErrnoException).code, code)
    assert.match((error as Error).message, words)
    return true
  }
}

describe('the registry of drivers', () => {
  let root = ''
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'registry-')))
  })
  afterEach(() => rm(root, { recursive: true }))

  it('has aufs first, and vfs last', () => {
    assert.deepEqual(drivers().slice(0, 3), ['aufs', 'overlay', 'vfs'])
  })

  it('answers a copy', () => {
    drivers().push('intruder')
    assert.equal(drivers().includes('intruder'), false)
  })

  it('takes a driver of somebody else, with its own options', async () => {
    let given: unknown
    register('plain', (options) => {
      given = options
      return plain('plain')
    })
    assert.equal(drivers().at(-1), 'plain')
    const options = { root, driver: 'plain', plain: { colour: 'red' } } as OpenOptions
    await using graph = await open(options)
    assert.deepEqual(given, { colour: 'red' })
    await graph.create('base')
    await graph.create('top', { parent: 'base' })
    assert.equal(await graph.get('top'), join(root, 'diff/top'))
    await graph.put('top')
    assert.deepEqual((await graph.info()).features, { Kind: 'plain' })
    await graph.remove('top')
    assert.deepEqual(await graph.list().then((all) => all.map(({ id }) => id)), ['base'])
  })

  it("keeps to a driver's limit of layers", async () => {
    register('shallow', () => plain('shallow'))
    await using graph = await open({ root, driver: 'shallow' })
    let parent: string | undefined
    for (const id of ['a', 'b', 'c', 'd']) {
      await graph.create(id, parent === undefined ? {} : { parent })
      parent = id
    }
    await assert.rejects(graph.create('e', { parent: 'd' }), codeIs('ERR_TOO_MANY_LAYERS', /shallow takes 3/))
  })

  it('refuses a name that is taken', () => {
    assert.throws(
      () => {
        register('vfs', () => plain('vfs'))
      },
      codeIs('ERR_DRIVER_EXISTS', /"vfs"/),
    )
  })

  it('refuses what is no name and no factory', () => {
    const factory: DriverFactory = () => plain('x')
    for (const name of ['', 7, undefined]) {
      assert.throws(() => {
        register(name as string, factory)
      }, codeIs('ERR_INVALID_ARG_TYPE'))
    }
    assert.throws(() => {
      register('fresh', {} as DriverFactory)
    }, codeIs('ERR_INVALID_ARG_TYPE'))
    assert.equal(drivers().includes('fresh'), false)
  })

  it("gives each driver's own reason", async () => {
    const cause = new Error('the kernel said no')
    const reason = 'it only works on Tuesdays'
    const code = 'ERR_DRIVER_PREREQUISITE'
    register('refusing', () =>
      plain('refusing', {
        probe: () =>
          Promise.resolve({ driver: 'refusing', supported: false, code, reason, cause, features: {} }),
      }),
    )
    const report = (await probe(root)).find(({ driver }) => driver === 'refusing')
    assert.deepEqual(report, { driver: 'refusing', supported: false, code, reason, cause, features: {} })
    await assert.rejects(open({ root, driver: 'refusing' }), (error: Error) => {
      assert.equal(error.cause, cause)
      return codeIs(code, /refusing: it only works on Tuesdays/)(error)
    })
    assert.deepEqual(await readdir(root), [])
  })
})

describe('vfs', () => {
  it('works for an ordinary user, without a mount', async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'vfs-')))
    try {
      await using graph = await open({ root, driver: 'vfs' })
      await graph.create('base')
      await graph.create('top', { parent: 'base' })
      assert.equal(await graph.get('top'), join(root, 'diff/top'))
      await graph.put('top')
      await graph.remove('top')
      await graph.remove('base')
      assert.deepEqual(await readdir(join(root, 'diff')), [])
    } finally {
      await rm(root, { recursive: true })
    }
  })
})
