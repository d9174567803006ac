import unittest

from greet.words import hello


class Hello(unittest.TestCase):
    def test_it_greets_by_name(self):
        self.assertEqual(hello("Ada"), "Hello, Ada.")


if __name__ == "__main__":
    unittest.main()
