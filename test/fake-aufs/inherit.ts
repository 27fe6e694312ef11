import { inheritFake } from './install.ts'

inheritFake()
