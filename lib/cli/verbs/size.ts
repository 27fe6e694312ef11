import { formatBytes } from '../format.ts'
import type { Verb } from '../verb.ts'
import { LAYER, PARENT } from '../words.ts'

export const size: Verb = {
  name: 'size',
  summary: 'print how many bytes a layer adds',
  details: [
    'Bytes in the files and links that it adds or modifies, each file once whatever number of names it has.',
  ],
  arguments: [LAYER],
  options: [PARENT, { flags: '-H, --human', summary: 'as 1.5 MiB' }],
  shape: '{ id, size }',
  looksOnly: true,
  async run(input, context) {
    const id = input.word('id')
    await using driver = await context.look()
    const bytes = await driver.diffSize(id, { signal: context.signal, ...input.given({ parent: 'parent' }) })
    return { data: { id, size: bytes }, text: () => (input.on('human') ? formatBytes(bytes) : String(bytes)) }
  },
}
