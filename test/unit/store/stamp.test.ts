import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { checkStamp, Layout, readStamp, type Stamp } from '#lib/store/index.js'
import { writeStamp } from '#lib/store/stamp.js'
import { plant, scratch, withCode } from './support.ts'

describe('the stamp', () => {
  const directory = scratch()
  const stamp: Stamp = { format: 1, driver: 'overlay', xattrs: 'trusted', state: 'ready' }

  it('is read as it was written, and written at one instant', async () => {
    const layout = new Layout(directory.path)
    for (const one of [
      stamp,
      { ...stamp, xattrs: 'user' as const },
      { ...stamp, driver: 'vfs', xattrs: null },
    ]) {
      await writeStamp(layout, one)
      assert.deepEqual(await readStamp(layout), one)
    }
    assert.deepEqual(readdirSync(directory.path), ['graphdriver.json'])
    assert.deepEqual(JSON.parse(readFileSync(layout.stamp, 'utf8')), {
      ...stamp,
      driver: 'vfs',
      xattrs: null,
    })
  })
  it('is written over one that a dead process had begun', async () => {
    const layout = plant(directory.path, { 'graphdriver.json.new': '{"for' })
    await writeStamp(layout, stamp)
    assert.deepEqual(readdirSync(directory.path), ['graphdriver.json'])
  })
  it('is missing in an empty root', async () => {
    assert.equal(await readStamp(new Layout(directory.path)), undefined)
  })

  const text = JSON.stringify
  const unknown: [what: string, stamp: string][] = [
    ['a newer format', text({ ...stamp, format: 2 })],
    ['no format', text({ driver: 'overlay' })],
    ['a format that is text', text({ ...stamp, format: '1' })],
    ['no driver', text({ ...stamp, driver: undefined })],
    ['other xattrs', text({ ...stamp, xattrs: 'system' })],
    ['no xattrs', text({ ...stamp, xattrs: undefined })],
    ['another state', text({ ...stamp, state: 'converting' })],
    ['half of one', text(stamp).slice(0, 20)],
    ['nothing', ''],
    ['bytes', '\0\x01\x02'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '1'],
  ]
  for (const [what, content] of unknown) {
    it(`is refused with ${what}`, async () => {
      const layout = plant(directory.path, { 'graphdriver.json': content })
      await assert.rejects(readStamp(layout), withCode('ERR_STORE_VERSION'))
      assert.equal(readFileSync(layout.stamp, 'utf8'), content)
    })
  }
  it('is refused when it is no file', async () => {
    const layout = new Layout(directory.path)
    symlinkSync('elsewhere', layout.stamp)
    await assert.rejects(readStamp(layout), withCode('ERR_STORE_VERSION'))
  })
  it('is refused when it is a directory', async () => {
    const layout = new Layout(directory.path)
    mkdirSync(layout.stamp)
    await assert.rejects(readStamp(layout), withCode('ERR_STORE_VERSION'))
  })
  it('is refused when it is longer than any', async () => {
    const layout = plant(directory.path, { 'graphdriver.json': `${text(stamp)}${' '.repeat(100_000)}` })
    await assert.rejects(readStamp(layout), withCode('ERR_STORE_VERSION'))
  })
  it('of another driver, or with other xattrs, is named', () => {
    const layout = new Layout(directory.path)
    const wanted = { driver: 'overlay', xattrs: 'trusted' } as const
    checkStamp(layout, stamp, wanted)
    checkStamp(layout, { ...stamp, xattrs: null }, wanted)
    assert.throws(() => {
      checkStamp(layout, { ...stamp, driver: 'vfs' }, wanted)
    }, withCode('ERR_STORE_OTHER_DRIVER'))
    assert.throws(() => {
      checkStamp(layout, { ...stamp, xattrs: 'user' }, wanted)
    }, withCode('ERR_DRIVER_PREREQUISITE'))
  })

  describe('of a root that Docker wrote', () => {
    const docker = { 'layers/': '', 'diff/': '', 'mnt/': '' }
    const id = 'ab'.repeat(32)

    it('is taken for aufs’s', async () => {
      const layout = plant(directory.path, { ...docker, [`layers/${id}`]: '' })
      assert.deepEqual(await readStamp(layout), { format: 1, driver: 'aufs', xattrs: null, state: 'ready' })
      assert.deepEqual(readdirSync(directory.path).sort(), ['diff', 'layers', 'mnt'])
    })
    for (const ours of ['children', 'staging', 'views']) {
      it(`is none with ${ours} in it: it is ours and has lost its stamp`, async () => {
        const layout = plant(directory.path, { ...docker, [`layers/${id}`]: '', [`${ours}/`]: '' })
        await assert.rejects(readStamp(layout), withCode('ERR_STORE_VERSION'))
        writeFileSync(layout.stamp, text(stamp))
        assert.deepEqual(await readStamp(layout), stamp)
      })
    }
    it('is one still after an opening that had made no more than the lock', async () => {
      const layout = plant(directory.path, { ...docker, [`layers/${id}`]: '', lock: '' })
      assert.equal((await readStamp(layout))?.driver, 'aufs')
    })
    it('takes layers, and all three directories', async () => {
      assert.equal(await readStamp(plant(directory.path, docker)), undefined)
      writeFileSync(directory.at('layers/x-removing'), '')
      assert.equal(await readStamp(new Layout(directory.path)), undefined)
    })
    for (const missing of ['diff', 'mnt']) {
      it(`takes ${missing}`, async () => {
        const layout = plant(directory.path, {
          [`layers/${id}`]: '',
          [`${missing === 'mnt' ? 'diff' : 'mnt'}/`]: '',
        })
        assert.equal(await readStamp(layout), undefined)
        writeFileSync(directory.at(missing), '')
        assert.equal(await readStamp(layout), undefined)
      })
    }
    it('is not seen in one that another process makes at this moment', async () => {
      class Racing extends Layout {
        reads = 0
        override get stamp(): string {
          if (++this.reads === 1) return directory.at('missing')
          plant(this.root, { ...docker, 'graphdriver.json': text(stamp), 'layers/a': '', 'staging/': '' })
          return super.stamp
        }
      }
      const layout = new Racing(plant(directory.path, { ...docker, 'layers/a': '' }).root)
      assert.deepEqual(await readStamp(layout), stamp)
    })
    it('is not seen where layers is a file', async () => {
      assert.equal(await readStamp(plant(directory.path, { layers: '', 'diff/': '', 'mnt/': '' })), undefined)
    })
  })
})
