import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { list } from 'graphdriver/mount'
import { describeMounts } from '../namespace.ts'

const examples = resolve(import.meta.dirname, '../../../examples')

describeMounts('the examples', function (directory) {
  this.timeout(120_000)

  async function run(name: string, ...words: string[]): Promise<string[]> {
    const program = join(examples, `${name}.mjs`)
    const done = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', cwd: directory() })
    assert.equal(done.status, 0, done.stderr)
    const below = (await list({ prefix: directory() })).map((entry) => entry.mountPoint)
    assert.deepEqual(below, [directory()], 'left mounted')
    return done.stdout.trimEnd().split('\n')
  }

  it('are short, and all of them are here', () => {
    assert.deepEqual(readdirSync(examples).sort(), ['build-cache.mjs', 'image.mjs', 'workspace.mjs'])
    for (const name of readdirSync(examples)) {
      assert.ok(readFileSync(join(examples, name), 'utf8').split('\n').length <= 60, name)
    }
  })

  it('a workspace for each task', async () => {
    mkdirSync(join(directory(), 'tree'))
    writeFileSync(join(directory(), 'tree/file'), 'x')
    const store = join(directory(), 'store')
    const said = await run('workspace', store, join(directory(), 'tree'))
    assert.deepEqual(said.slice(0, 2), ['another workspace sees: ENOENT', 'blue: added /result'])
    const tar = spawnSync('tar', ['-tf', join(store, 'blue.tar')], { encoding: 'utf8' })
    assert.equal(tar.stdout, 'result\n')
    assert.deepEqual(readdirSync(join(store, 'layers')), ['tree'])
  })

  it('a cache of build steps', async () => {
    const store = join(directory(), 'store')
    const [first, second, words] = [
      'built  base,built  sources,built  compile',
      'cached base,cached sources,built  compile',
      '"one\\nthree\\n"',
    ]
    assert.equal((await run('build-cache', store)).join(), [first, second, words].join())
    assert.equal((await run('build-cache', store)).filter((line) => line.startsWith('built')).length, 0)
  })

  it('an image of layers', async () => {
    const tars = ['a', 'b', 'c'].map((name) => {
      mkdirSync(join(directory(), name))
      writeFileSync(join(directory(), name, name), name)
      const file = join(directory(), `${name}.tar`)
      spawnSync('tar', ['-C', join(directory(), name), '-cf', file, '.'])
      return file
    })
    const store = join(directory(), 'store')
    const [a = '', b = '', c = ''] = tars
    const one = await run('image', store, a, b)
    assert.deepEqual(
      one.map((line) => line.split(' ')[0]),
      ['added', 'added', 'image'],
    )
    const other = await run('image', store, a, c)
    assert.deepEqual(
      other.map((line) => line.split(' ')[0]),
      ['shared', 'added', 'image'],
    )
    assert.match(other.at(-1) ?? '', /: a c$/)
  })
})
