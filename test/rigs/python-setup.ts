/** Makes the Python environment of the tests before the first of them runs. */
import { testPython } from './python.ts';

export const setup = (): void => void testPython();
