"""Seventy-five words that people type, to measure whether a search for them finds photographs of single things."""

_LIST = """
animal, ape, ball, bear, bed, bicycle, bird, boat, bottle, bread, bridge, building, bus, butterfly, camera, car, castle,
cat, chair, church, clock, clothing, computer, crab, cup, dessert, dog, drink, drum, duck, elephant, fish, flower, food,
fox, frog, fruit, furniture, guitar, hat, horse, insect, keyboard, lamp, lizard, mammal, monkey, mountain, mushroom,
musical instrument, owl, parrot, penguin, piano, plant, pot, rabbit, reptile, shark, sheep, ship, shoe, shop, snake,
sofa, spider, table, telephone, tool, train, truck, turtle, vehicle, vegetable, weapon
"""
WORDS = tuple(word.strip() for word in _LIST.split(","))
