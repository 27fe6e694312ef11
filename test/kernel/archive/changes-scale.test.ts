import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountSync, removeTreeSync, umount2Sync } from 'graphdriver/sys'
import { changes, diffSize } from '#lib/archive/changes.js'
import { packDifference } from '#lib/archive/pack-difference.js'
import { LONG } from '../../figures.ts'
import { describeMounts, openDescriptors } from '../namespace.ts'
import { describeInScratch, list, stack } from './changes/cases.ts'

/** Runs a script in a process of its own that has `lib`, the verbs; its output. */
async function elsewhere(script: string, limit?: string): Promise<string> {
  const lib = JSON.stringify(join(import.meta.dirname, '../../../dist/archive/'))
  const program = `const { changes, diffSize } = await import(${lib} + 'changes.js')\n${script}`
  const args = ['--input-type=module', '-e', program]
  const child =
    limit === undefined
      ? spawn(process.execPath, args)
      : spawn('sh', ['-c', `${limit} && exec "$@"`, 'sh', process.execPath, ...args])
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return output.trim()
}

/** Something that changes a tree again and again; ends when it is told to. */
async function during<T>(script: string, work: () => Promise<T>): Promise<T> {
  const child: ChildProcess = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  try {
    return await work()
  } finally {
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
  }
}

describeInScratch('changes: many layers', (scratch) => {
  for (const count of [2, 5, 127, 500]) {
    it(`${count} layers: whoever changed it last is seen`, async () => {
      const layers: string[] = []
      for (let index = 0; index < count; index++) {
        const layer = join(scratch(), String(index))
        mkdirSync(join(layer, 'all/deeper'), { recursive: true })
        writeFileSync(join(layer, `all/deeper/${index}`), '')
        writeFileSync(join(layer, 'all/last'), 'x'.repeat(index))
        // Each deletes what the one before it made.
        if (index > 0) writeFileSync(join(layer, `all/deeper/.wh.${index - 1}`), '')
        layers.unshift(layer)
      }
      const form = 'aufs'
      const [last, first] = [count - 1, 0]
      const [top, ...parents] = layers as [string, ...string[]]
      assert.deepEqual(await list({ layers: [top, ...parents], parents, form, judge: 'touched' }), [
        'modified /all/deeper',
        `deleted /all/deeper/${last - 1}`,
        `added /all/deeper/${last}`,
        'modified /all/last',
      ])
      assert.deepEqual(await list({ layers, parents: layers.slice(-1), form, judge: 'exact' }), [
        'modified /all/deeper',
        `deleted /all/deeper/${first}`,
        `added /all/deeper/${last}`,
        'modified /all/last',
      ])
      assert.deepEqual(await list({ layers, parents: [], form, judge: 'exact' }), [
        'added /all',
        'added /all/deeper',
        `added /all/deeper/${last}`,
        'added /all/last',
      ])
      assert.equal(await diffSize({ layers, parents: [], form, judge: 'exact' }), last)
    })
  }

  it('100 layers that are deeper than a path may be long', async () => {
    const home = process.cwd()
    const name = 'n'.repeat(100)
    const layers = Array.from({ length: 100 }, (_, index) => join(scratch(), String(index)))
    for (const [index, layer] of layers.entries()) {
      mkdirSync(layer)
      process.chdir(layer)
      for (let level = 0; level < 90; level++) {
        mkdirSync(name)
        process.chdir(name)
      }
      writeFileSync(String(index), '')
    }
    process.chdir(home)
    const found = await changes({ layers, parents: [], form: 'overlay', judge: 'exact' })
    const files = found.filter(({ path }) => path.length > 9000 && !path.endsWith('n'))
    assert.deepEqual([found.length, files.length], [90 + 100, 100])
    for (const layer of layers) removeTreeSync(layer)
  })

  it('two stacks of 500 layers do with 256 descriptors, and leave none', async () => {
    const stacks = ['a', 'b'].map((name) =>
      Array.from({ length: 500 }, (_, index) => {
        const layer = join(scratch(), `${name}${index}`)
        mkdirSync(join(layer, 'd/e/f'), { recursive: true })
        writeFileSync(join(layer, `d/e/f/${name}${index % 3}`), '')
        return layer
      }),
    )
    const [layers, parents] = stacks as [string[], string[]]
    const options = JSON.stringify({ layers, parents, form: 'overlay', judge: 'exact' })
    const wanted = JSON.stringify([
      ...[0, 1, 2].map((index) => `deleted /d/e/f/b${index}`),
      ...[0, 1, 2].map((index) => `added /d/e/f/a${index}`),
    ])
    const script = `const found = await changes(${options})
      console.log(JSON.stringify(found.slice(1).map(({ kind, path }) => kind + ' ' + path)))`
    assert.equal(await elsewhere(script, 'ulimit -n 256'), wanted)
    const open = openDescriptors()
    assert.equal((await changes({ layers, parents, form: 'overlay', judge: 'exact' })).length, 7)
    assert.deepEqual(openDescriptors(), open)
  })
})

describeInScratch('changes: deep, long, wide', (scratch) => {
  const levels = LONG ? 10_000 : 2000
  it(`${levels} levels, names of 100 bytes: paths far over what a system call takes`, async () => {
    const home = process.cwd()
    const [now, before] = ['now', 'before'].map((name) => join(scratch(), name)) as [string, string]
    const name = 'n'.repeat(100)
    for (const root of [now, before]) {
      mkdirSync(root)
      process.chdir(root)
      for (let level = 0; level < levels; level++) {
        mkdirSync(name)
        process.chdir(name)
      }
      writeFileSync('bottom', root === now ? 'changed' : '')
    }
    process.chdir(home)
    const open = openDescriptors()
    const wanted = [{ path: `${`/${name}`.repeat(levels)}/bottom`, kind: 'modified' }]
    assert.deepEqual(await changes({ layers: [now], parents: [before], judge: 'exact' }), wanted)
    assert.deepEqual(
      await changes({ layers: [now, before], parents: [before], form: 'aufs', judge: 'touched' }),
      wanted,
    )
    assert.equal(await diffSize({ layers: [now], parents: [], judge: 'exact' }), 7)
    assert.equal(await diffSize({ layers: [now], parents: [before], judge: 'exact' }), 7)
    assert.deepEqual(openDescriptors(), open)
    for (const root of [now, before]) removeTreeSync(root)
  })

  it('a directory of 6,000 entries, some of them in each of three layers', async () => {
    const layers = Array.from({ length: 3 }, (_, layer) => {
      const path = join(scratch(), String(layer))
      mkdirSync(join(path, 'd'), { recursive: true })
      for (let index = layer; index < 6000; index += layer + 2)
        writeFileSync(join(path, `d/file ${index}`), '')
      return path
    })
    const found = await changes({ layers, parents: [], form: 'overlay', judge: 'exact' })
    const names = new Set<string>()
    for (let layer = 0; layer < 3; layer++) {
      for (let index = layer; index < 6000; index += layer + 2) names.add(`/d/file ${index}`)
    }
    assert.deepEqual(
      found.map(({ path }) => path),
      ['/d', ...[...names].sort()],
    )
  })
})

describeInScratch('changes: while somebody else changes the tree', (scratch) => {
  it('what vanishes is no error', async () => {
    const [now, before] = ['now', 'before'].map((name) => join(scratch(), name)) as [string, string]
    for (const root of [now, before]) {
      for (let index = 0; index < 50; index++) {
        mkdirSync(join(root, `d${index}/e`), { recursive: true })
        writeFileSync(join(root, `d${index}/e/f`), root === now ? 'changed' : '')
      }
    }
    const script = `const fs = require('node:fs')
      process.chdir(${JSON.stringify(now)})
      for (let turn = 0; ; turn++) {
        const name = 'd' + turn % 50
        fs.renameSync(name, 'away')
        if (turn % 3 === 0) fs.writeFileSync(name, '')
        if (turn % 3 === 1) fs.symlinkSync('/', name)
        fs.rmSync('away/e', { recursive: true })
        fs.mkdirSync('away/e')
        fs.writeFileSync('away/e/f', 'again')
        if (turn % 3 < 2) fs.unlinkSync(name)
        fs.renameSync('away', name)
        if (turn === 10) console.log('going')
      }`
    const allowed = /^\/(away(\/e(\/f)?)?|d\d+(\/e(\/f)?)?)$/
    await during(script, async () => {
      for (let turn = 0; turn < 60; turn++) {
        const exact = await changes({ layers: [now], parents: [before], judge: 'exact' })
        const touched = await changes({
          layers: [now, before],
          parents: [before],
          form: 'overlay',
          judge: 'touched',
        })
        // Nothing of where the links lead, and never one path twice.
        for (const found of [exact, touched]) {
          const paths = found.map(({ kind, path }) => `${kind} ${path}`)
          assert.equal(new Set(paths).size, paths.length)
          for (const { path } of found) assert.match(path, allowed)
        }
        const size = await diffSize({ layers: [now], parents: [], judge: 'exact' })
        assert.ok(size <= 51 * 7, String(size))
        await diffSize({ layers: [now], parents: [before], judge: 'exact' })
        const tar = packDifference({ layers: [now], parents: [before] })
        for await (const block of tar) assert.ok(block)
      }
    })
  })

  it('a layer that is exchanged for another meanwhile is one of the two, or the answer is ESTALE', async () => {
    const count = 120
    const [layers, twins] = ['old', 'new'].map((state) =>
      Array.from({ length: count }, (_, index) => {
        const root = join(scratch(), `${index} ${state}`)
        mkdirSync(join(root, 'd'), { recursive: true })
        for (const name of ['', 'd/']) writeFileSync(join(root, `${name}${index} ${state}`), '')
        return root
      }),
    ) as [string[], string[]]
    const script = `const fs = require('node:fs')
      const names = ${JSON.stringify(layers)}, twins = ${JSON.stringify(twins)}
      for (let turn = 0; ; turn++) {
        const at = turn % names.length
        fs.renameSync(names[at], names[at] + ' aside')
        fs.renameSync(twins[at], names[at])
        fs.renameSync(names[at] + ' aside', twins[at])
        if (turn === 10) console.log('going')
      }`
    await during(script, async () => {
      for (let turn = 0; turn < 60; turn++) {
        const answer = await changes({ layers, parents: [], form: 'overlay', judge: 'exact' }).catch(
          (error: unknown) => (error as { code: string }).code,
        )
        // Between two renames the layer is not there.
        if (typeof answer === 'string') assert.ok(['ESTALE', 'ENOENT'].includes(answer), answer)
        else {
          const paths = new Set(answer.map(({ path }) => path))
          const mixed = [...paths].filter(
            (path) => / (old|new)$/.test(path) && !path.startsWith('/d/') && !paths.has(`/d${path}`),
          )
          assert.deepEqual([paths.size, mixed], [1 + 2 * count, []])
        }
      }
    })
  })
})

describeMounts('changes: mounts', (directory) => {
  it('what is mounted in a layer is not looked at, on either side', async () => {
    const short = { 'd/': '', 'd/f': '1', 'e/': '', 'e/f': '1', g: '1' }
    const [now, before] = stack(directory(), 'plain', { ...short, new: '' }, short) as [string, string]
    const elsewhere = mkdtempSync(join(directory(), 'elsewhere-'))
    writeFileSync(join(elsewhere, 'hidden'), '')
    writeFileSync(join(elsewhere, 'g'), 'other')
    mountSync('none', join(now, 'd'), 'tmpfs', 0, null)
    mountSync(elsewhere, join(before, 'e'), null, 4096, null)
    mountSync(join(elsewhere, 'g'), join(now, 'g'), null, 4096, null)
    try {
      assert.deepEqual(await list({ layers: [now], parents: [before], judge: 'exact' }), ['added /new'])
      assert.deepEqual(await list({ layers: [now], parents: [], judge: 'exact' }), [
        'added /d',
        'added /e',
        'added /e/f',
        'added /g',
        'added /new',
      ])
      assert.equal(await diffSize({ layers: [now], parents: [], judge: 'exact' }), 1)
    } finally {
      for (const path of [join(now, 'd'), join(before, 'e'), join(now, 'g')]) umount2Sync(path, 0)
    }
    renameSync(join(now, 'new'), join(now, 'z'))
    linkSync(join(now, 'z'), join(now, 'zz'))
    assert.deepEqual(await list({ layers: [now], parents: [before], judge: 'exact' }), [
      'added /z',
      'added /zz',
    ])
    rmSync(elsewhere, { recursive: true })
  })
})
