import { formatBytes } from '../format.ts'
import type { Verb } from '../verb.ts'

export const size: Verb = {
  name: 'size',
  summary: 'print how many bytes a layer adds',
  details: [
    'Bytes in the files and links that it adds or modifies, each file once whatever number of names it has.',
  ],
  arguments: [{ name: '<id>', summary: 'the layer', kind: 'layer' }],
  options: [
    {
      flags: '-p, --parent <id>',
      summary: 'another layer to compare with than the one below',
      kind: 'layer',
    },
    { flags: '-H, --human', summary: 'as 1.5 MiB' },
  ],
  shape: '{ id, size }',
  async run(input, context) {
    const id = input.word('id')
    const parent = input.maybe('parent')
    await using driver = await context.look()
    const options = { signal: context.signal, ...(parent !== undefined && { parent }) }
    const bytes = await driver.diffSize(id, options)
    return { data: { id, size: bytes }, text: () => (input.on('human') ? formatBytes(bytes) : String(bytes)) }
  },
}
